"""Engines of containers as their users have them: a command, a network of its own, and an image of busybox.

`entrepot` on either OCI runtime and docker on a dockerd of our own take the same words, so one test can ask all three.
"""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.e2e.engines import short_folder
from tests.e2e.processes import Daemon, clean_environment, run, wait_until
from tests.e2e.tools import DEBIAN_PATH, system_tool
from tests.runtime.engine.bundles import busybox_tree

PATIENCE = 60.0
OURS = "entrepot-containers"
"""With what the names of network namespaces and control groups begin."""
IMAGE = ("--change", 'CMD ["sh"]', "--change", "LABEL made=here")


class Engine:
    """A command that makes containers."""

    def __init__(self, name: str, command: Sequence[str], environ: Mapping[str, str], namespace: str) -> None:
        self.name = name
        self.namespace = namespace
        self.errors = ""
        """What the last call wrote to standard error."""
        self._command = list(command)
        self._environ = dict(environ)

    @property
    def is_docker(self) -> bool:
        """Whether it is what the others are compared with."""
        return self.name == "docker"

    def __call__(self, *args: str | Path, stdin: str | bytes = "", code: int = 0) -> str:
        """Run it to its end; its standard output. It has this exit code."""
        given = stdin.encode() if isinstance(stdin, str) else stdin
        done = subprocess.run(self.words(*args), input=given, capture_output=True, env=self._environ, timeout=PATIENCE)
        self.errors = done.stderr.decode(errors="replace")
        out = done.stdout.decode(errors="replace")
        assert done.returncode == code, f"{self.name} {args}: {done.returncode}\n{out}\n{self.errors}"
        return out

    def refuses(self, *args: str | Path, code: int = 1) -> str:
        """Run it, have it fail with this code, and give what it said: in small letters, without who said it."""
        self(*args, code=code)
        said = self.errors.strip().splitlines()
        return re.sub(r"^(docker: |entrepot: |error response from daemon: |error: )*", "", " ".join(said).lower())

    def lines(self, *args: str | Path) -> list[str]:
        """The lines of its standard output."""
        return self(*args).splitlines()

    def asked(self, name: str, template: str) -> str:
        """One answer of `inspect --format`."""
        return self("inspect", "--format", template, name).removesuffix("\n")

    def tried(self, *args: str | Path) -> str:
        """Its standard output, whether it failed or not."""
        done = subprocess.run(self.words(*args), capture_output=True, env=self._environ, timeout=PATIENCE)
        return done.stdout.decode(errors="replace")

    def document(self, *args: str | Path) -> Any:  # noqa: ANN401 - whatever JSON holds
        """Its standard output as JSON."""
        return json.loads(self(*args))

    def words(self, *args: str | Path) -> list[str]:
        """The command line."""
        return [*self._command, *map(str, args)]

    def begin(self, *args: str | Path) -> subprocess.Popen[bytes]:
        """Begin it, with pipes; whoever begins it ends it."""
        pipe = subprocess.PIPE
        return subprocess.Popen(self.words(*args), env=self._environ, stdin=pipe, stdout=pipe, stderr=pipe)

    def devices(self) -> list[str]:
        """The devices in its network."""
        shown = run(["ip", "-brief", "-netns", Path(self.namespace).name, "link"]).out
        return [line.split()[0].partition("@")[0] for line in shown.splitlines()]

    def with_environment(self, **more: str) -> Engine:
        """The same, with further variables."""
        return Engine(self.name, self._command, {**self._environ, **more}, self.namespace)

    def on_this_host(self) -> Engine:
        """The same roots, in the network of the tests, where their registry is."""
        return Engine(self.name, self._command[3:], self._environ, "")

    def at_terminal(self, *args: str | Path, size: tuple[int, int] = (24, 80)) -> Terminal:
        """Begin it at a terminal."""
        return Terminal(self.words(*args), self._environ, size)


class Terminal:
    """A program at a terminal of its own."""

    def __init__(self, words: Sequence[str], environ: Mapping[str, str], size: tuple[int, int]) -> None:
        self._shown = b""
        self._place = 0
        pid, self._fd = pty.fork()
        if not pid:
            os.execvpe(words[0], list(words), dict(environ))
        self._pid = pid
        self.resize(*size)

    def resize(self, rows: int, columns: int) -> None:
        """Give it another size, of which the program is told by a signal."""
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text: bytes) -> None:
        """Press keys."""
        os.write(self._fd, text)

    def until(self, text: bytes) -> None:
        """Wait until this is shown, behind what was waited for before."""
        end = time.monotonic() + PATIENCE / 3
        while (found := self._shown.find(text, self._place)) < 0:
            assert self._read(end), f"waited for {text!r} in {self._shown!r}"
        self._place = found + len(text)

    def end(self) -> tuple[int, bytes]:
        """Wait until the program has ended: its exit code, and all that was shown."""
        end = time.monotonic() + PATIENCE / 3
        while self._read(end):
            pass
        os.close(self._fd)
        _, status = os.waitpid(self._pid, 0)
        return os.waitstatus_to_exitcode(status), self._shown

    def _read(self, end: float) -> bool:
        if not select.select([self._fd], [], [], max(0.0, end - time.monotonic()))[0]:
            return False
        try:
            data = os.read(self._fd, 4096)
        except OSError:
            return False
        self._shown += data
        return bool(data)


@contextmanager
def network(name: str) -> Iterator[str]:
    """A network namespace with a loopback; its path."""
    run(["ip", "netns", "add", name])
    try:
        run(["ip", "-n", name, "link", "set", "lo", "up"])
        yield f"/run/netns/{name}"
    finally:
        run(["ip", "netns", "delete", name])


def image_tar(folder: Path) -> Path:
    """A tar of busybox's tree, with what tests look at."""
    tree = busybox_tree(folder / "tree")
    (tree / "data").mkdir()
    (tree / "data" / "kept").write_text("from the image\n")
    (tree / "bin" / "plain").write_text("not a program\n")
    packed = folder / "busybox.tar"
    run(["tar", "-C", tree, "--numeric-owner", "-cf", packed, "."])
    return packed


@contextmanager
def running_entrepot(runtime: str, folder: Path, packed: Path, environ: Mapping[str, str]) -> Iterator[Engine]:
    """The command as it is installed, on roots of its own, with an OCI runtime by the setting that chooses it."""
    (folder / "runtime.toml").write_text(f'runtime = "{runtime}"\n')
    settings = {
        **clean_environment(folder),
        **environ,
        "ENTREPOT_RUNTIME_ROOT": str(folder / "data"),
        "ENTREPOT_RUNTIME_RUN_ROOT": str(folder / "run"),
        "ENTREPOT_RUNTIME_CONFIG": str(folder / "runtime.toml"),
    }
    program = str(Path(sys.executable).parent / "entrepot")
    with network(f"{OURS}-{runtime}-{os.getpid()}") as namespace:
        engine = Engine(runtime, ["nsenter", f"--net={namespace}", "--", program], settings, namespace)
        engine("import", *IMAGE, packed, "busybox")
        yield engine
        _clear(engine)
        wait_until(lambda: not _mentioned(str(folder / "data")), "end of all monitors and of the resolver")
        assert str(folder / "data") not in Path("/proc/self/mountinfo").read_text()
        assert os.listdir(folder / "run" / "containers") == []


@contextmanager
def running_docker(packed: Path) -> Iterator[Engine]:
    """Debian's docker on a dockerd and in a network of its own."""
    name = f"{OURS}-docker-{os.getpid()}"
    with short_folder("docker") as folder, network(name) as namespace:
        socket = folder / "d.sock"
        (folder / "daemon.json").write_text("{}")
        command: list[str | Path] = [
            *("nsenter", f"--net={namespace}", "--", system_tool("dockerd"), "--host", f"unix://{socket}"),
            *("--pidfile", folder / "docker.pid", "--data-root", folder / "data", "--exec-root", folder / "exec"),
            *("--cgroup-parent", name, "--config-file", folder / "daemon.json"),
        ]
        daemon = Daemon(command, folder / "log", {**clean_environment(folder), "PATH": DEBIAN_PATH})
        environ = {**clean_environment(folder), "DOCKER_HOST": f"unix://{socket}"}
        engine = Engine("docker", [str(system_tool("docker"))], environ, namespace)
        daemon.start(lambda: run(engine.words("version"), env=environ, check=False).code == 0)
        try:
            engine("import", *IMAGE, packed, "busybox")
            yield engine
            _clear(engine)
        finally:
            daemon.stop()
            for path in Path("/sys/fs/cgroup").glob(f"*/{name}"):
                for group, _, _ in os.walk(path, topdown=False):
                    os.rmdir(group)


def _mentioned(text: str) -> list[bytes]:
    """The command lines with this in them."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            found.append(path.read_bytes())
    return [each for each in found if text.encode() in each]


def _clear(engine: Engine) -> None:
    if ids := engine("ps", "-aq").split():
        engine("rm", "-fv", *ids)
    engine("network", "prune", "-f")
