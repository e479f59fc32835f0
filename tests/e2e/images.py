"""The images the tests push: a Debian made by debootstrap, a busybox, layers that are large or full of small files.

Nothing comes from a registry. The Debian root file system is made once and kept in the tests' cache folder.
"""

import io
import random
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.layout import AMD64, ARM, ARM64, Descriptor, Layout
from tests.e2e.processes import run
from tests.e2e.tools import cache_folder, locked, system_tool

SUITE = "bookworm"
LARGE = 110_000_000
SMALL_FILES = 4000
LEFT_OUT = ["usr/share/doc/*", "usr/share/man/*", "usr/share/locale/*", "var/cache/apt/*", "var/lib/apt/lists/*"]
MOUNTED = ["dev/*", "proc/*", "sys/*"]


@dataclass(frozen=True, slots=True)
class Tars:
    """Uncompressed tar files, each the content of one layer."""

    debian: Path
    busybox: Path
    small: Path
    large: Path
    removed: Path
    other: Path
    packed: Path


def debian_tar(*packages: str) -> Path:
    """A minimal Debian, with these packages added, as a tar, out of the cache when it has been made before."""
    kept = cache_folder() / f"debian-{SUITE}-{'-'.join(('minbase', *packages))}.tar"
    with locked("debian"):
        if not kept.exists():
            # The cache may be mounted nodev or noexec, where debootstrap cannot work; the temporary folder is not.
            with tempfile.TemporaryDirectory(prefix="entrepot-debian-") as folder:
                _debootstrap(Path(folder), kept, packages)
    return kept


def _debootstrap(folder: Path, kept: Path, packages: tuple[str, ...]) -> None:
    root = folder / "root"
    added = [f"--include={','.join(packages)}"] if packages else []
    run([system_tool("debootstrap"), "--variant=minbase", *added, SUITE, root], timeout=900)
    made = kept.with_suffix(".part")
    excluded = [f"--exclude=./{pattern}" for pattern in LEFT_OUT + MOUNTED]
    run([system_tool("tar"), "-C", root, "--numeric-owner", *excluded, "-cf", made, "."])
    made.rename(kept)


def make_tars(folder: Path) -> Tars:
    """Write every layer's tar; the content is the same in every run, apart from the Debian."""
    names = ("busybox", "small", "large", "removed", "other", "packed")
    tars = Tars(debian_tar(), *(folder / f"{name}.tar" for name in names))
    _busybox(tars.busybox, "busybox")
    # Not the same content as gzip and as zstd: podman would mix up what it knows about the two.
    _busybox(tars.packed, "zstd")
    _small_files(tars.small)
    with tarfile.open(tars.large, "w") as tar:
        # A size that is no round number: the last chunk of an upload is then a short one.
        _put(tar, "srv/large.bin", random.Random(1).randbytes(LARGE + 12_345))
    with tarfile.open(tars.removed, "w") as tar:
        _put(tar, "srv/small/0/.wh.0", b"")
        _put(tar, "srv/small/0/50", b"replaced\n")
    with tarfile.open(tars.other, "w") as tar:
        _put(tar, "etc/other-machine", b"not for this processor\n")
    return tars


def _put(tar: tarfile.TarFile, name: str, data: bytes, mode: int = 0o644) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode, entry.mtime = len(data), mode, 1_700_000_000
    tar.addfile(entry, io.BytesIO(data))


def _link(tar: tarfile.TarFile, name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname, entry.mtime = kind, target, 1_700_000_000
    tar.addfile(entry)


def _busybox(path: Path, greeter: str) -> None:
    with tarfile.open(path, "w") as tar:
        for name in ("bin", "etc", "tmp"):
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode, entry.mtime = tarfile.DIRTYPE, 0o755, 1_700_000_000
            tar.addfile(entry)
        _put(tar, "bin/busybox", system_tool("busybox").read_bytes(), 0o755)
        for applet in ("sh", "cat", "echo", "ls"):
            _link(tar, f"bin/{applet}", "busybox")
        _put(tar, "etc/greeting", f"hello from {greeter}\n".encode())


def _small_files(path: Path) -> None:
    source = random.Random(2)
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        for number in range(SMALL_FILES):
            _put(tar, f"srv/small/{number % 50}/{number}", source.randbytes(source.randrange(200)))
        _put(tar, "srv/small/caf\u00e9 \u4e2d\u6587", b"a name beyond ASCII\n")
        _link(tar, "srv/small/hard", "srv/small/0/0", tarfile.LNKTYPE)
        _link(tar, "srv/small/soft", "0/0")


@dataclass(frozen=True, slots=True)
class Images:
    """One OCI layout that holds every image under a name, and the tars the layers were made from."""

    layout: Layout
    tars: Tars
    debian: Descriptor
    busybox: Descriptor
    zstd: Descriptor
    multi: Descriptor

    def named(self, name: str) -> str:
        """The image as skopeo and others name it: oci:FOLDER:NAME."""
        return f"oci:{self.layout.path}:{name}"


def make_images(folder: Path) -> Images:
    """Build the layout: debian (4 layers, one large), busybox, zstd, and multi (three platforms)."""
    tars = make_tars(folder)
    layout = Layout.create(folder / "layout")
    busybox_layer = layout.add_layer(tars.busybox)
    layers = [layout.add_layer(tar) for tar in (tars.debian, tars.small, tars.large, tars.removed)]
    debian = layout.add_image(layers, command=("cat", "/etc/debian_version"))
    busybox = layout.add_image([busybox_layer], command=("cat", "/etc/greeting"))
    zstd = layout.add_image([layout.add_layer(tars.packed, "zstd")], command=("cat", "/etc/greeting"))
    other = layout.add_layer(tars.other)
    arm64 = layout.add_image([busybox_layer, other], platform=ARM64)
    arm = layout.add_image([other], platform=ARM)
    multi = layout.add_index([(busybox, AMD64), (arm64, ARM64), (arm, ARM)])
    for name, image in (("debian", debian), ("busybox", busybox), ("zstd", zstd), ("multi", multi)):
        layout.tag(name, image)
    return Images(layout, tars, debian, busybox, zstd, multi)
