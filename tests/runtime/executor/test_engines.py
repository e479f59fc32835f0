"""Docker's, Podman's and containerd's own programs with entrepot-oci under them."""

import os
import subprocess
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.runtime.executor.bundles import APPLETS, BUSYBOX, MAIN
from tests.runtime.executor.test_launcher import launcher

SCRIPT = "trap 'exit 3' TERM; while true; do echo up; sleep 0.05; done"


class Command:
    """A client with its first words; calling it gives what it printed, and fails if it did."""

    def __init__(self, *words: str) -> None:
        self.words = words

    def run(self, *words: str, given: str = "") -> subprocess.CompletedProcess[str]:
        command = [*self.words, *words]
        return subprocess.run(command, input=given, capture_output=True, text=True, timeout=60)

    def __call__(self, *words: str, given: str = "") -> str:
        done = self.run(*words, given=given)
        assert done.returncode == 0, (words, done.stderr)
        return done.stdout.strip()


@pytest.fixture(scope="module")
def short() -> Iterator[Path]:
    """A folder with a short name: paths of sockets are."""
    with TemporaryDirectory(prefix="eo", dir="/tmp") as name:
        yield Path(name)


@pytest.fixture(scope="module")
def runtime(short: Path) -> str:
    """The runtime as it is installed."""
    return str(launcher(short / "venv"))


@pytest.fixture(scope="module")
def image(short: Path) -> Path:
    """A root filesystem of busybox as a tar."""
    path = short / "image.tar"
    with tarfile.open(path, "w") as tar:
        folder = tarfile.TarInfo("bin")
        folder.type, folder.mode = tarfile.DIRTYPE, 0o755
        tar.addfile(folder)
        tar.add(BUSYBOX, "bin/busybox")
        for applet in APPLETS:
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
    return path


@contextmanager
def dockerd(folder: Path, runtime: str) -> Iterator[Command]:
    """Docker's daemon with everything of its own and our runtime as its default."""
    socket = f"unix://{folder}/docker.sock"
    (folder / "daemon.json").write_text("{}")
    command = [
        *("dockerd", "--config-file", str(folder / "daemon.json"), "--host", socket),
        *("--data-root", str(folder / "data"), "--exec-root", str(folder / "exec"), "--pidfile", str(folder / "pid")),
        *("--bridge", "none", "--iptables=false", "--storage-driver", "vfs"),
        *(
            "--add-runtime",
            f"ours={runtime}",
            "--default-runtime",
            "ours",
            "--cgroup-parent",
            f"/eo-docker-{os.getpid()}",
        ),
    ]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as daemon:
        docker = Command("docker", "--host", socket)
        try:
            end = time.monotonic() + 30
            while docker.run("info").returncode:
                assert time.monotonic() < end, (folder / "log").read_text()
                time.sleep(0.1)
            yield docker
        finally:
            daemon.terminate()
            daemon.wait(30)
    for hierarchy in Path("/sys/fs/cgroup").iterdir():
        if (hierarchy / f"eo-docker-{os.getpid()}").is_dir():
            (hierarchy / f"eo-docker-{os.getpid()}").rmdir()


@pytest.fixture(scope="module")
def docker(short: Path, runtime: str, image: Path) -> Iterator[Command]:
    (short / "docker").mkdir()
    with dockerd(short / "docker", runtime) as client:
        client("import", str(image), "box")
        yield client


RUN = ("run", "--rm", "--network", "none")


def test_docker_runs_and_tells_how_it_ended(docker: Command) -> None:
    assert docker(*RUN, "-i", "box", "cat", given="carried") == "carried"
    assert docker.run(*RUN, "box", "sh", "-c", "exit 5").returncode == 5
    assert docker.run(*RUN, "box", "nothing").returncode == 127
    assert docker.run(*RUN, "box", "/bin").returncode == 126
    assert "Seccomp:\t2" in docker(*RUN, "--user", "7:8", "box", "cat", "/proc/self/status")
    limited = docker(*RUN, "--memory", "64m", "box", "cat", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
    assert limited == str(64 << 20)
    asked = ("--read-only", "--tmpfs", "/t", "--hostname", "h", "--sysctl", "net.ipv4.ip_forward=0", "--init")
    script = (
        "hostname 2>/dev/null || cat /proc/sys/kernel/hostname; touch /t/x; touch /x; cat /proc/sys/net/ipv4/ip_forward"
    )
    done = docker.run(*RUN, *asked, "box", "sh", "-c", script)
    assert (done.stdout.split(), "Read-only" in done.stderr) == (["h", "0"], True)


def test_docker_joins_stops_and_restarts(docker: Command) -> None:
    docker("run", "--detach", "--name", "here", "--network", "none", "box", "sh", "-c", SCRIPT)
    assert docker("exec", "--user", "5", "here", "id", "-u") == "5"
    assert docker.run("exec", "here", "sh", "-c", "exit 9").returncode == 9
    assert docker("exec", "--tty", "here", "tty") == "/dev/pts/0"
    docker("pause", "here")
    assert "Paused" in docker("ps", "--format", "{{.Status}}")
    docker("unpause", "here")
    docker("update", "--memory", "100m", "--memory-swap", "200m", "here")
    assert "100MiB" in docker("stats", "--no-stream", "here")
    assert "trap" in docker("top", "here")
    with subprocess.Popen([*docker.words, "attach", "--no-stdin", "here"], stdout=subprocess.PIPE) as attached:
        assert attached.stdout is not None
        assert attached.stdout.readline() == b"up\n"
        docker("stop", "here")
        attached.stdout.read()
        assert attached.wait(timeout=20) == 3
    assert docker("inspect", "--format", "{{.State.ExitCode}} {{.State.Status}}", "here") == "3 exited"
    docker("start", "here")
    docker("restart", "--time", "5", "here")
    assert docker("exec", "here", "echo", "again") == "again"
    docker("rm", "--force", "here")
    assert docker("ps", "--all", "--quiet") == ""


def test_containerd_runs_it(docker: Command, short: Path, runtime: str, image: Path) -> None:
    """By containerd's own client, at the containerd that belongs to the daemon of these tests."""
    rootfs = short / "rootfs"
    rootfs.mkdir()
    subprocess.run(["tar", "-xf", image, "-C", rootfs], check=True)
    ctr = Command("ctr", "--address", f"{short}/docker/exec/containerd/containerd.sock", "--namespace", "entrepot")
    asked = ("run", "--rootfs", "--runc-binary", runtime, "--cgroup", f"/eo-docker-{os.getpid()}/ctr")
    assert ctr(*asked, "--rm", str(rootfs), "once", "/bin/echo", "hi") == "hi"
    ctr(*asked, "--detach", str(rootfs), "here", "/bin/sleep", "100")
    # ctr may close its end of the pipe before it has read what a short process wrote.
    assert any("uid=0" in ctr("task", "exec", "--exec-id", str(number), "here", "/bin/id") for number in range(5))
    ctr("task", "pause", "here")
    ctr("task", "resume", "here")
    assert "memory.usage_in_bytes" in ctr("task", "metrics", "here")
    ctr("task", "kill", "--signal", "KILL", "here")
    ctr.run("task", "delete", "here")  # tells of the signal by its own exit status
    ctr("container", "delete", "here")


def test_podman_runs_it(short: Path, runtime: str, image: Path) -> None:
    folder = short / "podman"
    podman = Command(
        *("podman", "--root", f"{folder}/root", "--runroot", f"{folder}/run", "--storage-driver", "vfs"),
        *("--runtime", runtime, "--cgroup-manager", "cgroupfs"),
    )
    limits = ("--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1000:1000")
    asked = ("--network", "none", *limits, "--cgroup-parent", f"/eo-podman-{os.getpid()}")
    podman("import", str(image), "box:1")
    try:
        assert podman("run", "--rm", *asked, "box:1", "echo", "hi") == "hi"
        podman("run", "--detach", "--name", "here", *asked, "box:1", "sh", "-c", SCRIPT)
        assert podman("exec", "here", "id", "-u") == "0"
        assert podman.run("exec", "here", "sh", "-c", "exit 4").returncode == 4
        podman("pause", "here")
        podman("unpause", "here")
        podman("stop", "here")
        assert podman("inspect", "--format", "{{.State.ExitCode}}", "here") == "3"
        assert podman.run("run", "--rm", *asked, "box:1", "nothing").returncode == 127
    finally:
        podman("rm", "--all", "--force")
        podman("rmi", "--all", "--force")
    for hierarchy in Path("/sys/fs/cgroup").iterdir():
        for directory in sorted((hierarchy / f"eo-podman-{os.getpid()}").rglob("*"), reverse=True):
            if directory.is_dir():
                directory.rmdir()
        if (hierarchy / f"eo-podman-{os.getpid()}").is_dir():
            (hierarchy / f"eo-podman-{os.getpid()}").rmdir()


def test_the_installed_program_is_this_one(runtime: str) -> None:
    assert MAIN.is_file()
    assert Command(runtime)("--version").startswith("entrepot-oci version")
