"""What the test's machine has: the Python of this run, this project, systemd, busybox, runc, ps and a few modules."""

import sys
import sysconfig
from importlib.metadata import distribution
from pathlib import Path

from tests.e2e.tools import system_tool
from tests.e2e.vm.archive import Archive, libraries
from tests.e2e.vm.kernel import Kernel
from tests.project.source import ROOT

HERE = Path(__file__).parent
PROGRAMS = ("busybox", "runc", "ps", "sh", "systemctl")
SYSTEMD = Path("/lib/systemd/systemd")
UNITS = "/etc/systemd/system"
# Of the kernel, in the order to load them.
MODULES = ("overlay", "loop", "lzo-rle", "zsmalloc", "zram")
# What the runtime is installed with, besides itself.
DISTRIBUTIONS = ("click", "msgspec", "isal", "urllib3", *(("backports.zstd",) if sys.version_info < (3, 14) else ()))
LEFT_OUT = ("test", "tests", "idlelib", "tkinter", "turtledemo", "ensurepip", "lib2to3", "site-packages")
CODE = ("runtime", "registry", "storage")
TESTS = (
    "tests/__init__.py",
    "tests/e2e/__init__.py",
    "tests/e2e/vm/__init__.py",
    "tests/runtime/__init__.py",
    "tests/runtime/executor/__init__.py",
    "tests/runtime/executor/bundles.py",
)


def write_image(path: Path, kernel: Kernel) -> None:
    """Write the archive that the kernel unpacks and starts /init from."""
    with path.open("wb") as file:
        archive = Archive(file)
        for folder in ("/newroot", "/proc", "/sys", "/dev", "/run", "/tmp", "/var", "/etc", "/applets", "/modules"):
            archive.add(folder, b"", 0o040755)
        for folder in ("/etc/systemd", UNITS):
            archive.add(folder, b"", 0o040755)
        archive.add("/init", (HERE / "init").read_bytes())
        archive.add(f"{UNITS}/guest.service", _unit(), 0o100644)
        for place, name in enumerate(MODULES):
            archive.add(f"/modules/{place}-{name}.ko", kernel.module(name).read_bytes())
        for program in PROGRAMS:
            archive.put(system_tool(program))
        for each in ("/bin/busybox", "/bin/sh", SYSTEMD):
            archive.put(each)
        _put_python(archive)
        for code in CODE:
            archive.put_all(ROOT / code)
        for test in TESTS:
            archive.put(ROOT / test)
        archive.put_all(ROOT / "tests/e2e/vm/guest")
        archive.end()


def _put_python(archive: Archive) -> None:
    """The interpreter, its library, and what is installed beside this project."""
    folder, library = Path(sys.executable).parent, Path(sysconfig.get_path("stdlib"))
    for name in ("python", "python3", Path(sys.executable).name):
        archive.put(folder / name)
    if sys.prefix != sys.base_prefix:
        archive.put(Path(sys.prefix, "pyvenv.cfg"))
    archive.put_all(library, [*LEFT_OUT, *(each.name for each in library.glob("config-*"))])
    installed = [
        Path(str(file.locate()))
        for name in ("entrepot", *DISTRIBUTIONS)
        for file in distribution(name).files or []
        if not file.name.endswith(".pyc")
    ]
    for file in installed:
        archive.put(file)
    loaded = [each for each in (*library.glob("lib-dynload/*.so"), *installed) if each.suffix == ".so"]
    for each in libraries([Path(sys.executable).resolve(), SYSTEMD, *map(system_tool, PROGRAMS), *loaded]):
        archive.put(each)
    if Path("/etc/ld.so.cache").exists():
        archive.put("/etc/ld.so.cache")


def _unit() -> bytes:
    text = (HERE / "guest.service").read_text().replace("@python@", sys.executable).replace("@root@", str(ROOT))
    return text.encode()
