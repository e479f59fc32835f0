"""Snapshots that overlayfs puts together: nothing is copied before it is written to."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from importlib import import_module

from runtime.snapshots import paths
from runtime.snapshots.apply import attributes
from runtime.snapshots.errors import Unsupported
from runtime.snapshots.layered import EMPTY_ROOT, LayeredSnapshots
from runtime.snapshots.limits import DEFAULT, Limits
from runtime.snapshots.marks import KernelMarks
from runtime.snapshots.merged import Layers
from runtime.snapshots.owners import Owners, idmapped
from runtime.snapshots.paths import Paths
from runtime.snapshots.removal import remove_below
from runtime.snapshots.snapshots import Mount
from runtime.snapshots.store import Aside
from runtime.syscall.mounts import (
    AT_FDCWD,
    MS_PRIVATE,
    MS_REC,
    OPEN_TREE_CLONE,
    UMOUNT_NOFOLLOW,
    mount,
    move_mount,
    new_mount,
    open_tree,
    umount2,
)
from runtime.syscall.namespaces import CLONE_NEWNS, unshare
from runtime.syscall.users import acting_as

_PARAMETERS = "/sys/module/overlay/parameters"
# Off, each of them: what was written must be all there in the upper folder, under its own name, for commit and diff.
_SWITCHED_OFF = ("index", "metacopy", "redirect_dir")
_STRING = 255
"""Bytes of a string that fsconfig(2) takes."""
_MOST_LAYERS = 500
"""OVL_MAX_STACK of the kernel."""


class OverlaySnapshots(LayeredSnapshots):
    """`root` is the folder of all drivers. Raises Unsupported where the kernel or the file system cannot."""

    name = "overlay"

    def __init__(self, root: str, limits: Limits = DEFAULT) -> None:
        self._options = features()
        marks = KernelMarks("user" if "userxattr" in self._options else "trusted")
        self.written = marks
        place = Paths(root, self.name)
        fresh = not os.path.isdir(place.committed)
        if fresh:
            probe(place, marks, self._options)
        super().__init__(root, marks, limits)

    def fill(self, aside: Aside, tree: int, layers: Layers) -> None:
        os.mkdir(paths.WORK, 0o700, dir_fd=aside.descriptor)
        if len(layers.trees) > _MOST_LAYERS:
            raise Unsupported(f"the image has {len(layers.trees)} layers, overlayfs takes {_MOST_LAYERS}")
        if layers.top is None:
            os.chmod(tree, EMPTY_ROOT)
        else:
            wanted = attributes.of_file(layers.top.layer, b"", layers.top.status())
            attributes.put_on_open(tree, wanted, (-1, -1), b"/")

    def mounts(self, key: str) -> list[Mount]:
        lower, upper, work = self._folders(key)
        options = ("lowerdir=" + ":".join(each.replace("\\", "\\\\").replace(":", "\\:") for each in lower),)
        return [Mount("overlay", "overlay", (*options, f"upperdir={upper}", f"workdir={work}", *self._options))]

    def attach(self, key: str, target: int, owners: Owners | None) -> None:
        lower, upper, work = self._folders(key)
        if owners is None:
            _attach(lower, upper, work, self._options, target)
        else:
            folder = self._store.paths.snapshot(key)
            try:
                attach_mapped(lower, folder, self._options, target, owners)
            except OSError as error:
                if error.errno != errno.EINVAL:
                    raise
                attach_aside(lower, folder, self._options, target, owners, self._store.paths.empty)

    def _folders(self, key: str) -> tuple[list[str], str, str]:
        record = self._store.record(key)
        with Layers(self._store.trees(record.parent), self._marks) as layers:
            lower = layers.trees or [self._store.paths.empty]
        folder = self._store.paths.snapshot(key)
        return lower, f"{folder}/{paths.TREE}", f"{folder}/{paths.WORK}"


def features() -> tuple[str, ...]:
    """The options to mount with: those that this kernel knows."""
    with open("/proc/self/uid_map", encoding="ascii") as mapped:
        if mapped.read().split() != ["0", "0", "4294967295"]:
            return ("userxattr",)  # since Linux 5.11, in user namespaces; it switches off the others itself
    return tuple(f"{name}=off" for name in _SWITCHED_OFF if os.path.exists(f"{_PARAMETERS}/{name}"))


def probe(place: Paths, marks: KernelMarks, options: tuple[str, ...]) -> None:
    """Make what layers need and mount it. Raises Unsupported."""
    os.makedirs(place.root, 0o700, exist_ok=True)
    root = os.open(place.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    base = f"probe-{os.getpid()}"
    try:
        for name in ("", "/lower", "/upper", "/work", "/shown"):
            os.mkdir(f"{base}{name}", 0o700, dir_fd=root)
        folder = f"{place.root}/{base}"
        lower = os.open(f"{folder}/lower", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            marks.hide(lower, b"x")
            marks.make_opaque(lower)
            if not stat.S_ISCHR(os.stat("x", dir_fd=lower).st_mode):
                raise Unsupported(f"{place.root} cannot hold whiteouts, use the copying driver")
        finally:
            os.close(lower)
        with opened(f"{folder}/shown") as target:
            _attach([f"{folder}/lower"], f"{folder}/upper", f"{folder}/work", options, target)
        umount2(f"{folder}/shown", UMOUNT_NOFOLLOW)
    except OSError as error:
        raise Unsupported(f"overlayfs does not work on {place.root} ({error}), use the copying driver") from error
    finally:
        remove_below(root, base)
        os.close(root)


def _new(lower: list[str], upper: str, work: str, options: tuple[str, ...]) -> int:
    """A detached mount; since Linux 6.8 each layer is an option of its own, so that there may be many."""
    with contextlib.ExitStack() as held:
        wanted = [f"lowerdir+={held.enter_context(short(each))}" for each in lower]
        wanted += [f"upperdir={held.enter_context(short(upper))}", f"workdir={held.enter_context(short(work))}"]
        return new_mount("overlay", "overlay", [*wanted, *options], 0)


def _attach(lower: list[str], upper: str, work: str, options: tuple[str, ...], target: int) -> None:
    try:
        overlay = _new(lower, upper, work, options)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP):
            raise
        attach_by_data(lower, upper, work, options, target)
        return
    try:
        move_mount(overlay, target)
    finally:
        os.close(overlay)


def attach_mapped(lower: list[str], folder: str, options: tuple[str, ...], target: int, owners: Owners) -> None:
    """Over layers whose ids are mapped; the upper ones too, so that on the disk all is as inside.

    Overlayfs does in its folders what the user who mounted it may do, who must have an id there. Raises
    OSError (EINVAL) where it takes no layers from mounts that are nowhere attached, as on Linux 6.1.
    """
    with contextlib.ExitStack() as held:
        layers = [f"/proc/self/fd/{held.enter_context(idmapped(each, owners))}" for each in lower]
        own = f"/proc/self/fd/{held.enter_context(idmapped(folder, owners))}"
        held.enter_context(acting_as(*owners.ids.root))
        _attach(layers, f"{own}/{paths.TREE}", f"{own}/{paths.WORK}", options, target)


def attach_aside(
    lower: list[str], folder: str, options: tuple[str, ...], target: int, owners: Owners, empty: str
) -> None:
    """The same since Linux 5.19: the layers are attached in a mount namespace that is there for a moment alone.

    `empty` is a folder to do it on, which stays empty. Raises Unsupported.
    """
    made: list[int] = []
    trouble: list[Exception] = []

    def work() -> None:  # in a thread of its own, which alone moves there
        try:
            made.append(_aside(lower, folder, options, owners, empty))
        except (OSError, Unsupported) as error:
            trouble.append(error)

    thread = import_module("threading").Thread(target=work)
    thread.start()
    thread.join()
    if trouble:
        if isinstance(trouble[0], OSError) and trouble[0].errno != errno.EINVAL:
            raise trouble[0]
        raise Unsupported(f"overlayfs of this kernel takes no layers with mapped ids ({trouble[0]})") from trouble[0]
    try:
        move_mount(made[0], target)
    finally:
        os.close(made[0])


def _aside(lower: list[str], folder: str, options: tuple[str, ...], owners: Owners, empty: str) -> int:
    unshare(CLONE_NEWNS)
    mount(None, "/", None, MS_PRIVATE | MS_REC)
    mount("tmpfs", empty, "tmpfs", 0, "mode=700")
    os.chdir(empty)
    names = [f"l{number}" for number in range(len(lower))]
    for name, path in zip((*names, "own"), (*lower, folder), strict=True):
        os.mkdir(name)
        with idmapped(path, owners) as mapped, opened(name) as place:
            move_mount(mapped, place)
    os.mkdir("shown")
    data = [f"lowerdir={':'.join(names)}", f"upperdir=own/{paths.TREE}", f"workdir=own/{paths.WORK}", *options]
    with acting_as(*owners.ids.root):
        mount("overlay", "shown", "overlay", 0, ",".join(data))
    return open_tree(AT_FDCWD, "shown", OPEN_TREE_CLONE)


def attach_by_data(lower: list[str], upper: str, work: str, options: tuple[str, ...], target: int) -> None:
    """As older kernels mount: all options in one page of memory, in which descriptors are shorter than paths."""
    with contextlib.ExitStack() as held:
        layers = ":".join(held.enter_context(_descriptor(each)) for each in lower)
        up, aside = held.enter_context(_descriptor(upper)), held.enter_context(_descriptor(work))
        data = ",".join([f"lowerdir={layers}", f"upperdir={up}", f"workdir={aside}", *options])
        mount("overlay", f"/proc/self/fd/{target}", "overlay", 0, data)


@contextlib.contextmanager
def short(path: str) -> Iterator[str]:
    """A path as an option takes it: by a descriptor when it is long."""
    if len(os.fsencode(path)) <= _STRING:
        yield path
    else:
        with _descriptor(path) as place:
            yield place


@contextlib.contextmanager
def _descriptor(path: str) -> Iterator[str]:
    with opened(path) as descriptor:
        yield f"/proc/self/fd/{descriptor}"


@contextlib.contextmanager
def opened(path: str) -> Iterator[int]:
    """A descriptor of a folder, to mount on or to name it by."""
    descriptor = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
