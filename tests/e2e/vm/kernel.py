"""The kernel of the test's machine: Debian's for virtual ones, unpacked into the tests' cache and not installed."""

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.processes import CommandFailed, run
from tests.e2e.tools import cache_folder, locked

# Depends on the newest; installing it would bring boot loaders and hooks along, which no test wants.
NEWEST = "linux-image-cloud-amd64"


@dataclass(frozen=True, slots=True)
class Kernel:
    """What the package holds: the kernel to boot, and the folder of its modules."""

    image: Path
    modules: Path

    def module(self, name: str) -> Path:
        """The file of a module, such as overlay."""
        return next(self.modules.glob(f"kernel/**/{name}.ko*"))


def kernel() -> Kernel:
    """Debian's newest kernel, out of the cache when it has been fetched before."""
    with locked("kernel"):
        try:
            folder = _unpacked()
        except CommandFailed:  # lists of packages that are old, or were never fetched
            run(["apt-get", "update", "-qq"])
            folder = _unpacked()
    return Kernel(next(folder.glob("boot/vmlinuz-*")), next(folder.glob("lib/modules/*")))


def _unpacked() -> Path:
    package = _package()
    folder = cache_folder() / "kernel" / package
    if not folder.exists():
        folder.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as fresh:
            os.chmod(fresh, 0o755)
            run(["apt-get", "download", package], cwd=Path(fresh))
            run(["dpkg-deb", "--extract", next(Path(fresh).glob("*.deb")), Path(fresh, "files")])
            shutil.move(Path(fresh, "files"), folder)
    return folder


def _package() -> str:
    """The name, with the version in it, of the newest kernel's package."""
    found = run(["apt-cache", "depends", NEWEST]).out
    return next(line.split()[-1] for line in found.splitlines() if "Depends: linux-image-" in line)
