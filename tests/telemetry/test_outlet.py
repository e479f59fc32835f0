"""No reader makes a writer wait, no line is torn, and what is missing is said."""

from __future__ import annotations

import fcntl
import os
import pty
import socket
import stat
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import pytest

from registry.telemetry.outlet import KEPT_BYTES, Outlet

LINE = b"x" * 1000


def missing(count: int) -> bytes:
    return b"%d missing" % count


def read_all(descriptor: int) -> bytes:
    """What can be read now."""
    os.set_blocking(descriptor, False)
    parts = []
    try:
        while part := os.read(descriptor, 1 << 16):
            parts.append(part)
    except BlockingIOError:
        pass
    return b"".join(parts)


@contextmanager
def pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    yield reader, writer
    os.close(reader)
    os.close(writer)


@contextmanager
def unix_socket() -> Iterator[tuple[int, int]]:
    """As the standard output of a service of systemd."""
    one, other = socket.socketpair()
    with one, other:
        yield one.fileno(), other.fileno()


@contextmanager
def stopped_terminal() -> Iterator[tuple[int, int]]:
    """One whose user has pressed Ctrl-S."""
    reader, writer = pty.openpty()
    attributes = termios.tcgetattr(writer)
    attributes[1] &= ~termios.OPOST
    termios.tcsetattr(writer, termios.TCSANOW, attributes)
    termios.tcflow(writer, termios.TCOOFF)
    yield reader, writer
    os.close(reader)
    os.close(writer)


@pytest.mark.parametrize("made", [pipe, unix_socket])
def test_a_reader_that_stalls_costs_lines_and_no_time(made: object) -> None:
    assert callable(made)
    with made() as (reader, writer):
        outlet = Outlet(writer, missing)
        began = monotonic()
        for number in range(8000):
            outlet.write([b"%d " % number + LINE])
        assert monotonic() - began < 5
        assert outlet.dropped > 1000
        kept = 8000 - outlet.dropped
        read = b""
        while not outlet.flush():
            read += read_all(reader)
        outlet.write([b"again"])
        read += read_all(reader)
        lines = read.splitlines()
        assert [line.split(b" ")[0] for line in lines[:kept]] == [b"%d" % number for number in range(kept)]
        assert lines[kept:] == [missing(outlet.dropped), b"again"]
        outlet.close()


def test_a_stopped_terminal_costs_no_time() -> None:
    with stopped_terminal() as (reader, writer):
        outlet = Outlet(writer, missing)
        assert not outlet.write([LINE] * 20)
        assert not outlet.flush()
        termios.tcflow(writer, termios.TCOON)
        read = b""
        while not outlet.flush():
            read += read_all(reader)
        read += read_all(reader)
        assert read == (LINE + b"\n") * 20
        outlet.close()


def test_other_processes_go_on_as_before() -> None:
    """Whether writes wait is a property of the open file, and a shell has the same one."""
    with pipe() as (_, writer):
        outlet = Outlet(writer, missing)
        outlet.write([LINE] * 1000)
        assert not fcntl.fcntl(writer, fcntl.F_GETFL) & os.O_NONBLOCK
        outlet.close()


def test_a_file_of_another_user_that_cannot_be_opened_anew() -> None:
    """Then it is asked whether there is room, which is less sure with several writers."""
    with pipe() as (reader, writer):
        os.close(os.dup(reader))
        os.fchmod(writer, 0)
        program = (
            "import os\n"
            "from registry.telemetry.outlet import Outlet\n"
            "if os.getuid() == 0:\n    os.setuid(65534)\n"
            "outlet = Outlet(1, lambda count: b'%d missing' % count)\n"
            "assert outlet.own == -1\n"
            "for number in range(6000):\n    outlet.write([b'x' * 1000])\n"
            "assert outlet.dropped > 1000\n"
        )
        done = subprocess.run([sys.executable, "-c", program], stdout=writer, stderr=subprocess.PIPE, timeout=30)
        assert done.returncode == 0, done.stderr


def test_a_disk_that_is_full(tmp_path: Path) -> None:
    with open("/dev/full", "wb") as full:
        outlet = Outlet(full.fileno(), missing)
        assert outlet.write([b"one", b"two"])
        assert outlet.trouble == "No space left on device"
        outlet.write([b"three"])
        assert outlet.dropped == 3
        # A disk that has room again is another file here.
        with (tmp_path / "log").open("wb") as file:
            os.dup2(file.fileno(), outlet.own)
            outlet.write([b"four"])
        assert (tmp_path / "log").read_bytes() == b"3 missing\nfour\n"
        assert outlet.trouble == ""
        outlet.close()


def test_what_is_kept_is_bounded_and_a_long_line_is_written() -> None:
    with pipe() as (reader, writer):
        outlet = Outlet(writer, missing)
        outlet.write([b"y" * 50_000])
        assert read_all(reader) == b"y" * 50_000 + b"\n"
        outlet.write([LINE] * (3 * KEPT_BYTES // 1000))
        assert outlet.dropped > KEPT_BYTES // 1000
        outlet.close()


def test_a_reader_that_is_gone_costs_lines() -> None:
    reader, writer = os.pipe()
    assert stat.S_ISFIFO(os.fstat(writer).st_mode)
    outlet = Outlet(writer, missing)
    os.close(reader)
    assert outlet.write([LINE] * 10)
    assert (outlet.dropped, outlet.trouble) == (10, "Broken pipe")
    outlet.close()
    os.close(writer)
