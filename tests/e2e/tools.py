"""The programs the tests drive: Debian packages by name, Go programs built at pinned versions into a per-user cache.

Nothing here is optional: a program that is missing is an error that says what to install, never a reason to skip.
`python -m tests.e2e.tools [NAME...]` builds the named Go programs, or all of them, ahead of a test run.
"""

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

# Debian's folders come first: another docker or podman further up PATH would make runs differ between machines.
DEBIAN_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


class ToolMissing(RuntimeError):
    """A program the tests need is not on this machine."""


@dataclass(frozen=True, slots=True)
class GoTool:
    """One command of one Go module at one version."""

    package: str
    version: str
    replaces: bool = False
    """Whether its go.mod replaces modules, which `go install` refuses: it is built as one that another module needs."""

    @property
    def program(self) -> str:
        """The file name `go install` gives the command."""
        last = self.package.rsplit("/", 1)[-1]
        return self.package.rsplit("/", 2)[-2] if last[1:].isdigit() and last[0] == "v" else last


# What @latest resolved to when the tests were written; raise them together, run the suite, commit.
# zot, another registry a benchmark would like, is not served by the Go module proxy.
CONTAINERD = "v2.4.2"
MOBY = "v2.0.0-beta.24"
GO_TOOLS = {
    "buildx": GoTool("github.com/docker/buildx/cmd/buildx", "v0.38.2"),
    "conformance": GoTool(
        "github.com/opencontainers/distribution-spec/conformance", "v0.0.0-20260831232431-97274622c111"
    ),
    "containerd": GoTool("github.com/containerd/containerd/v2/cmd/containerd", CONTAINERD),
    "containerd-shim-runc-v2": GoTool("github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2", CONTAINERD),
    "cosign": GoTool("github.com/sigstore/cosign/v3/cmd/cosign", "v3.1.3"),
    "crane": GoTool("github.com/google/go-containerregistry/cmd/crane", "v0.22.1"),
    "ctr": GoTool("github.com/containerd/containerd/v2/cmd/ctr", CONTAINERD),
    "docker-proxy": GoTool("github.com/moby/moby/v2/cmd/docker-proxy", MOBY),
    "dockerd": GoTool("github.com/moby/moby/v2/cmd/dockerd", MOBY),
    "helm": GoTool("helm.sh/helm/v3/cmd/helm", "v3.22.0"),
    "oras": GoTool("oras.land/oras/cmd/oras", "v1.3.6"),
    "regctl": GoTool("github.com/regclient/regclient/cmd/regctl", "v0.11.7"),
    "registry": GoTool("github.com/distribution/distribution/v3/cmd/registry", "v3.1.2"),
    "weed": GoTool("github.com/seaweedfs/seaweedfs/weed", "v0.0.0-20261109003541-7506e5f91cd6", replaces=True),
}


def cache_folder() -> Path:
    """Where built programs and the Debian root file system are kept between runs; made when missing."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    folder = Path(base) / "entrepot-tests"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Hold one of the cache's locks, so that two runs at once build a thing once."""
    with (cache_folder() / f".{name}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def system_packages() -> list[str]:
    """The Debian packages the end-to-end tests need, sorted."""
    return sorted(Path(__file__).with_name("packages.txt").read_text().split())


def system_tool(name: str) -> Path:
    """The program as Debian's package installs it."""
    found = shutil.which(name, path=DEBIAN_PATH)
    if found is None:
        raise ToolMissing(f"{name} is not installed, apt-get install the packages of tests/e2e/packages.txt")
    return Path(found)


def go_tool(name: str) -> Path:
    """The program of GO_TOOLS, built now unless the cache has this version."""
    if name not in GO_TOOLS:
        raise ToolMissing(f"no go tool {name!r}, known are {', '.join(sorted(GO_TOOLS))}")
    tool = GO_TOOLS[name]
    path = cache_folder() / "bin" / f"{name}@{tool.version}" / name
    if not path.exists():
        with locked(name):
            if not path.exists():
                _go_install(tool, path)
    return path


def _go() -> str:
    found = shutil.which("go", path=f"{os.environ.get('PATH', '')}:/usr/local/go/bin:{DEBIAN_PATH}")
    if found is None:
        raise ToolMissing("go is not installed, it builds the clients that Debian does not package")
    return found


def _go_install(tool: GoTool, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        # Static and without symbols: half the size on disk, no C compiler needed.
        environment = {**os.environ, "GOBIN": folder, "CGO_ENABLED": "0"}
        wanted = f"{tool.package}@{tool.version}"
        commands = [["install", "-trimpath", "-ldflags=-s -w", wanted]]
        if tool.replaces:
            built = ["build", "-trimpath", "-ldflags=-s -w", "-o", tool.program, tool.package]
            commands = [["mod", "init", "tools"], ["get", wanted], built]
        for command in commands:
            done = subprocess.run([_go(), *command], env=environment, cwd=folder, capture_output=True, text=True)
            if done.returncode != 0:
                raise ToolMissing(f"cannot build {wanted}: {done.stderr[-4000:]}")
        os.replace(Path(folder) / tool.program, path)


def main(names: list[str]) -> int:
    """Build the named Go programs, all when none is named, and print where they are."""
    for name in names or sorted(GO_TOOLS):
        print(go_tool(name), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
