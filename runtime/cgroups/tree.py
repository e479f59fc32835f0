"""Directories of control groups: reading, writing, walking, removing. Nothing here knows a controller."""

from __future__ import annotations

import errno
import os
import time

_SIGKILL = 9
_STEP_SECONDS = 0.002


def read(directory: str, name: str) -> str:
    """The text of a file of a group, without its last newline; empty if there is no such file."""
    try:
        descriptor = os.open(f"{directory}/{name}", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return ""
    try:
        parts = []
        while part := os.read(descriptor, 65536):
            parts.append(part)
        return b"".join(parts).decode().rstrip("\n")
    except OSError as error:
        if error.errno in (errno.ENODEV, errno.EOPNOTSUPP):
            return ""
        raise
    finally:
        os.close(descriptor)


def write(directory: str, name: str, value: object) -> None:
    """Write a value to a file of a group in one call. Raise OSError naming the file and the value."""
    path = f"{directory}/{name}"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(descriptor, str(value).encode())
        finally:
            os.close(descriptor)
    except OSError as error:
        raise OSError(error.errno, f"{error.strerror} (writing {value!s})", path) from None


def number(directory: str, name: str) -> int:
    """A whole number out of a file; 0 if there is none, and for "max"."""
    text = read(directory, name)
    return int(text) if text.lstrip("-").isdigit() else 0


def table(directory: str, name: str) -> dict[str, int]:
    """A file of lines "key number"."""
    pairs = (line.split() for line in read(directory, name).splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}


def make(directory: str) -> None:
    """Make a directory and those above it."""
    try:
        os.mkdir(directory, 0o755)
    except FileExistsError:
        return
    except FileNotFoundError:
        make(os.path.dirname(directory))
        make(directory)


def below(directory: str) -> list[str]:
    """The group and all groups below it, the deepest first."""
    found = []
    try:
        with os.scandir(directory) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    found += below(entry.path)
    except FileNotFoundError:
        return []
    return [*found, directory]


def processes(directory: str) -> list[int]:
    """The processes of a group and of the groups below it."""
    pids: set[int] = set()
    for each in below(directory):
        pids.update(int(line) for line in read(each, "cgroup.procs").split())
    return sorted(pids)


def remove(directory: str, timeout: float = 2.0) -> None:
    """Remove a group and the groups below it; the kernel may need a moment after its last process has gone."""
    end = time.monotonic() + timeout
    step = _STEP_SECONDS
    while True:
        try:
            for each in below(directory):
                os.rmdir(each)
            return
        except FileNotFoundError:
            return
        except OSError as error:
            if error.errno != errno.EBUSY or time.monotonic() > end:
                raise
            time.sleep(step)
            step = min(step * 2, 0.05)


def kill(directory: str, thaw: object = None, timeout: float = 2.0) -> None:
    """Send SIGKILL to every process of a group, again and again until none is left; `thaw` is called after each."""
    end = time.monotonic() + timeout
    while (pids := processes(directory)) and time.monotonic() < end:
        for pid in pids:
            try:
                os.kill(pid, _SIGKILL)
            except ProcessLookupError:
                continue
        if callable(thaw):
            thaw()
        time.sleep(_STEP_SECONDS)
