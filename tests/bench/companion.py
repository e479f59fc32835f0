"""The companion runtime beside docker and runc: whole commands, timed in turns, on one engine and one registry.

All of it happens in a network namespace of the bench's own, so that docker's bridge and rules are not the machine's.
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench import bundles, process
from tests.bench.build import CannotBuild
from tests.bench.compare import Plan

NAMESPACE = f"entrepot-bench-{os.getpid()}"
PROGRAMS = ("dockerd", "docker", "runc", "ip", "busybox", "skopeo", "debootstrap")
MANY, AT_A_TIME = 50, 4
SHORT, OFTEN = 0.5, 20
"""Work of fewer seconds is done so many times: its time varies by a fifth."""
MOST_MEMORY = 8_000_000
"""Bytes that an idle container's monitor may take, shared pages counted once."""

ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""What is compiled once is not compiled for every command, as with any installed program."""
PACKAGES = [str(Path(__file__).parents[2] / name) for name in ("runtime", "registry", "storage")]
"""They are compiled before anything is measured: installers do the same."""

Command = Sequence[str | Path]


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of work: medians in seconds, ours and the peer's; ours must take at most so much of the peer's time."""

    title: str
    peer: str
    ours: float
    theirs: float
    at_most: float

    @property
    def met(self) -> bool:
        return self.ours <= self.at_most * self.theirs


@dataclass(slots=True)
class Results:
    """The rows, and the memory of a monitor in bytes."""

    rows: list[Row]
    memory: int

    @property
    def met(self) -> bool:
        return all(row.met for row in self.rows) and self.memory < MOST_MEMORY

    def markdown(self) -> str:
        """Heading, table and the sentence about memory."""
        lines = [
            "### The companion runtime",
            "",
            "| work | ours s | peer | its s | ours / peer | at most | met |",
            "| --- | ---: | --- | ---: | ---: | ---: | ---: |",
        ]
        for row in self.rows:
            met = "yes" if row.met else "**no**"
            ratio = row.ours / row.theirs
            lines.append(
                f"| {row.title} | {row.ours:.3f} | {row.peer} | {row.theirs:.3f} | {ratio:.2f}x | "
                f"{row.at_most:.2f}x | {met} |"
            )
        met = "yes" if self.memory < MOST_MEMORY else "no"
        lines += ["", f"The monitor of one idle container: {self.memory / 1e6:.1f} MB (under 8 MB: {met})."]
        return "\n".join(lines)


class Host:
    """The namespace, with a registry, a docker engine and our own folders in it."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.address = f"127.0.0.1:{port}"
        self.socket = f"unix://{folder}/d.sock"
        self.bin = Path(sys.executable).parent

    def run(self, *command: str | Path, check: bool = True) -> float:
        """Run it inside; the seconds it took. Raises CannotBuild with what it said when it fails."""
        started = time.perf_counter()
        done = subprocess.run(
            self.inside(command), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600, env=ENVIRONMENT
        )
        seconds = time.perf_counter() - started
        if check and done.returncode:
            raise CannotBuild(f"{' '.join(map(str, command))}: {(done.stderr or done.stdout).strip()[-500:]}")
        return seconds

    def inside(self, command: Command) -> list[str]:
        """The command line that runs a command in the namespace; `ip netns exec` would hide the cgroups."""
        return ["nsenter", f"--net=/run/netns/{NAMESPACE}", *map(str, command)]

    def ours(self, *words: str) -> list[str | Path]:
        """A command line of `entrepot`, over the bench's folders."""
        folders = ("--root", str(self.folder / "ours"), "--run-root", str(self.folder / "run"))
        return [self.bin / "entrepot", *folders, *words]

    def docker(self, *words: str) -> list[str | Path]:
        """A command line of `docker`, at the bench's engine."""
        return ["docker", "--host", self.socket, *words]

    @property
    def executor(self) -> Path:
        """The OCI runtime."""
        return self.bin / "entrepot-oci"

    @contextmanager
    def serving(self, command: Command, ready: Command) -> Iterator[None]:
        """A daemon in the namespace, for as long as this lasts."""
        with (self.folder / "log").open("ab") as log:
            daemon = subprocess.Popen(self.inside(command), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            until = time.monotonic() + 60
            while subprocess.run(self.inside(ready), capture_output=True).returncode:
                if daemon.poll() is not None or time.monotonic() > until:
                    raise CannotBuild(f"{command[0]} does not start: {(self.folder / 'log').read_text()[-500:]}")
                time.sleep(0.1)
            yield
        finally:
            daemon.terminate()
            daemon.wait(60)


def run(plan: Plan) -> Results:
    """Set all up, measure every row in turns, take all down. Raises CannotBuild for what the machine lacks."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing or os.geteuid():
        raise CannotBuild(f"it needs root and {', '.join(missing) or 'no more'}")
    compiled = (sys.executable, "-m", "compileall", "-q", *PACKAGES)
    subprocess.run(compiled, env=ENVIRONMENT, check=True)
    with ExitStack() as stack:
        # Outside of the plan's folder, whose name is too long for the engine's sockets.
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="entrepot-bench-")))
        host = stack.enter_context(_host(folder, plan.first_port + 15, _times(plan)))
        return Results(_rows(plan, host), _memory(plan, host))


@contextmanager
def _host(folder: Path, port: int, pulls: int) -> Iterator[Host]:
    host = Host(folder, port)
    subprocess.run(["ip", "netns", "add", NAMESPACE], check=True)
    try:
        host.run("ip", "link", "set", "lo", "up")
        # As if it stood elsewhere: docker gets its bytes by HTTP, and so do we.
        serve: Command = [
            *("env", "ENTREPOT_STORAGE_LINKS=false"),
            *(host.bin / "entrepot", "serve", "--root", folder / "registry", "--listen", host.address),
        ]
        engine: Command = [
            *("dockerd", "--host", host.socket, "--data-root", folder / "docker", "--exec-root", folder / "exec"),
            *("--pidfile", folder / "docker.pid", "--cgroup-parent", "entrepot-bench"),
        ]
        curl = f"import urllib.request; urllib.request.urlopen('http://{host.address}/readyz')"
        with (
            host.serving(serve, [sys.executable, "-c", curl]),
            host.serving(engine, host.docker("version")),
        ):
            bundles.push_images(folder / "images", host, pulls)
            try:
                yield host
            finally:
                host.run(*host.ours("rm", "-f", "idle"), check=False)
                host.run(*host.ours("system", "prune", "-a", "-f"), check=False)
    finally:
        subprocess.run(["ip", "netns", "delete", NAMESPACE], check=True)
        bundles.unmount_below(folder)


def _rows(plan: Plan, host: Host) -> list[Row]:
    busybox = f"{host.address}/bench/busybox"
    for command in (host.ours, host.docker):
        host.run(*command("pull", busybox))
        host.run(*command("run", "-d", "--name", "idle", busybox, "sleep", "100000"))
    bundle = bundles.bundle(host.folder / "bundle")
    number = iter(range(1_000_000))

    def both(title: str, at_most: float, work: Callable[[Callable[..., list[str | Path]]], float]) -> Row:
        return _turns(plan, title, "docker", at_most, lambda: work(host.ours), lambda: work(host.docker))

    def oci(program: str | Path, root: str) -> Callable[[], float]:
        words = [program, "--root", host.folder / root, "run", "--bundle", bundle]
        return lambda: host.run(*words, f"c{next(number)}")

    def pulled(name: str) -> Callable[[Callable[..., list[str | Path]]], float]:
        turns = iter(range(1_000_000))  # of both, one after the other

        def pull(command: Callable[..., list[str | Path]]) -> float:
            host.run("sync")  # the engine leaves its files to be written later, and ours waits for all there is
            return host.run(*command("pull", f"{host.address}/bench/{name}-{next(turns) // 2}"))

        return pull

    return [
        both("`run --rm busybox true`", 0.5, lambda command: host.run(*command("run", "--rm", busybox, "true"))),
        _turns(plan, "the same bundle, run", "runc", 1.0, oci(host.executor, "oci"), oci("runc", "runc")),
        both(f"{MANY} containers run and removed, {AT_A_TIME} at a time", 0.5, lambda c: _many(host, c, busybox)),
        both("pull of a Debian", 1 / 1.5, pulled("debian")),
        both("pull of 20,000 files", 1 / 1.5, pulled("small")),
        both("`exec` of `true`", 0.5, lambda command: host.run(*command("exec", "idle", "true"))),
    ]


def _many(host: Host, command: Callable[..., list[str | Path]], image: str) -> float:
    started = time.perf_counter()
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        list(pool.map(lambda _: host.run(*command("run", "--rm", image, "true")), range(MANY)))
    return time.perf_counter() - started


def _times(plan: Plan) -> int:
    """How often each work is done, the first of them for nothing."""
    return max(plan.rounds, 3) + 1


def _turns(
    plan: Plan, title: str, peer: str, at_most: float, ours: Callable[[], float], theirs: Callable[[], float]
) -> Row:
    """Once for nothing, then each in turn; what is over in a moment is done more often."""
    pairs = [(ours(), theirs()) for _ in range(_times(plan))][1:]
    while max(pairs[-1]) < SHORT and len(pairs) < OFTEN:
        pairs.append((ours(), theirs()))
    left, right = (statistics.median(taken) for taken in zip(*pairs, strict=True))
    row = Row(title, peer, left, right, at_most)
    plan.say(f"{title}: ours {row.ours:.3f} s, {peer} {row.theirs:.3f} s")
    return row


def _memory(plan: Plan, host: Host) -> int:
    """Of the processes that keep the idle container, without its own."""
    memory = sum(process.proportional_share(entry) for entry in Path("/proc").glob("[0-9]*") if _keeps(entry, host))
    plan.say(f"monitor: {memory / 1e6:.1f} MB")
    return memory


def _keeps(entry: Path, host: Host) -> bool:
    """Whether a process has a lock that says that it keeps a container; by its words it is not to be known."""
    try:
        opened = [os.readlink(each.path) for each in os.scandir(entry / "fd")]
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return False
    folder = f"{host.folder}/run/containers/"
    return any(path.startswith(folder) and path.endswith("/monitor") for path in opened)
