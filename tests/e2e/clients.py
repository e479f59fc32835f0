"""Client programs as the tests call them: each with an environment of its own and options it is always given."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.processes import TAIL, Output, clean_environment, run
from tests.e2e.tools import go_tool, system_tool


@dataclass(frozen=True, slots=True)
class Client:
    """One client program with its environment and the options it is always given."""

    program: Path
    env: Mapping[str, str]
    options: tuple[str, ...] = ()

    def command(self, *arguments: str | Path) -> list[str]:
        """The whole command line."""
        return [str(self.program), *self.options, *(str(argument) for argument in arguments)]

    def __call__(
        self, *arguments: str | Path, cwd: Path | None = None, timeout: float = 120, given: bytes | None = None
    ) -> str:
        """Run it, fail unless it exits 0, and return its standard output without the last newline."""
        return self.run(*arguments, cwd=cwd, timeout=timeout, given=given).out.rstrip("\n")

    def run(
        self,
        *arguments: str | Path,
        cwd: Path | None = None,
        timeout: float = 120,
        given: bytes | None = None,
        check: bool = True,
    ) -> Output:
        """Run it, with these bytes as its standard input, and return everything it printed."""
        return run(self.command(*arguments), env=self.env, cwd=cwd, timeout=timeout, given=given, check=check)

    def raw(self, *arguments: str | Path) -> bytes:
        """Run it, fail unless it exits 0, and return its standard output as bytes."""
        return self.run(*arguments).raw

    def fails(self, *arguments: str | Path, cwd: Path | None = None, timeout: float = 120) -> str:
        """Run it, fail if it succeeds, and return everything it printed."""
        output = self.run(*arguments, cwd=cwd, timeout=timeout, check=False)
        assert output.code != 0, f"{' '.join(self.command(*arguments))} succeeded: {output.text[-TAIL:]}"
        return output.text


def built_client(name: str, home: Path, *options: str) -> Client:
    """A client among the programs built from Go's module proxy."""
    return Client(go_tool(name), clean_environment(home), options)


def skopeo_at(home: Path) -> Client:
    """skopeo with its record of known layers under that home.

    Root's record is otherwise the machine's, /var/lib/containers/cache: a run would find what the run before pushed.
    """
    return Client(system_tool("skopeo"), {**clean_environment(home), "_CONTAINERS_ROOTLESS_UID": "1"})


# Without the limits podman asks for more open files than a root without CAP_SYS_RESOURCE may give.
CONTAINERS_CONF = """
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]

[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "none"
lock_type = "file"
image_copy_tmp_dir = "{folder}/tmp"
tmp_dir = "{folder}/libpod"
num_locks = 64

[network]
network_config_dir = "{folder}/networks"
"""

STORAGE_CONF = """
[storage]
driver = "overlay"
graphroot = "{folder}/root"
runroot = "{folder}/run"
"""


@dataclass(frozen=True, slots=True)
class ContainersSettings:
    """The settings files podman and buildah share, which keep everything they write under one folder."""

    folder: Path

    @classmethod
    def write(cls, folder: Path) -> "ContainersSettings":
        """Write the files under a folder."""
        (folder / "tmp").mkdir()
        (folder / "containers.conf").write_text(CONTAINERS_CONF.format(folder=folder))
        (folder / "storage.conf").write_text(STORAGE_CONF.format(folder=folder))
        return cls(folder)

    def client(self, name: str) -> Client:
        """podman or buildah with these settings."""
        env = {
            **clean_environment(self.folder),
            "CONTAINERS_CONF": str(self.folder / "containers.conf"),
            "CONTAINERS_STORAGE_CONF": str(self.folder / "storage.conf"),
        }
        return Client(system_tool(name), env)
