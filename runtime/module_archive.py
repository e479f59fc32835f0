"""The modules of the commands, kept in one file: to open each of some hundred takes longer than all they do.

It stands where Python keeps compiled modules, and is trusted as they are. A module is taken from it as long as its
source has the size and the time it had, as Python itself would have it; whatever is not as it should be is left to
Python. The commands make the file themselves, where they may write it: whoever had to load something otherwise adds it.
"""

from __future__ import annotations

import _frozen_importlib_external as _importing
import marshal
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import CodeType, ModuleType

    Kept = tuple[str, str, int, int, bool, int, int]
    """Source, compiled file, time and size of the source, whether it is a package, where its code begins and ends."""

_MAGIC: bytes = b"entrepot modules 1\n" + _importing.MAGIC_NUMBER
_HEAD = len(_MAGIC) + 16
_LARGEST = 32 << 20
_Spec = type(sys.__spec__)


class _Loader(_importing.SourceFileLoader):
    """Python's own, with the code there already."""

    code: CodeType | None = None

    def get_code(self, fullname: str) -> CodeType | None:
        """The code, once; then what Python's own would load."""
        code, self.code = self.code, None
        found: CodeType | None = code or super().get_code(fullname)
        return found


class ModuleArchive:
    """A finder of modules, asked before all others.

    With `whole` the file is read at once and closed: who gets hold of this process's descriptors does not find it.
    """

    def __init__(self, path: str, *, whole: bool = False) -> None:
        self._path = path
        self._whole = whole
        self._data = b""
        self._before = set(sys.modules)
        self._served: set[str] = set()
        self._descriptor = -1
        self._index: dict[str, Kept] = {}
        try:
            self._open()
        except (OSError, ValueError, EOFError, TypeError):
            self._index = {}

    def _open(self) -> None:
        descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        head = os.pread(descriptor, _HEAD, 0)
        at, size = (int.from_bytes(head[len(_MAGIC) + place :][:8], "little") for place in (0, 8))
        if not head.startswith(_MAGIC) or os.fstat(descriptor).st_size != at + size:
            os.close(descriptor)
            return
        places, index = marshal.loads(os.pread(descriptor, size, at))  # noqa: S302 - trusted as compiled modules are
        self._descriptor = descriptor
        if places == sys.path:
            self._index = index
        if self._whole:
            self._data, self._descriptor = os.pread(descriptor, at, 0), -1
            os.close(descriptor)

    def find_spec(
        self, name: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The module, if it is kept as it is now."""
        kept = self._index.get(name)
        if kept is None:
            return None
        source, compiled, _time, _size, package, begin, end = kept
        try:
            if not _is_as_it_was(kept):
                return None
            code = self._code(name, begin, end)
        except (OSError, ValueError, EOFError, TypeError):
            return None
        loader = _Loader(name, source)
        loader.code = code
        spec = _Spec(name, loader, origin=source, is_package=package)
        spec.has_location, spec.cached = True, compiled
        if package:
            spec.submodule_search_locations = [os.path.dirname(source)]
        self._served.add(name)
        return spec

    def _code(self, name: str, begin: int, end: int) -> CodeType:
        """What is kept has its name before it: a descriptor that has come to be another file's is noticed."""
        mark, text = name.encode() + b"\0", self._text(begin, end)
        if not text.startswith(mark):
            raise ValueError(name)
        code: CodeType = marshal.loads(memoryview(text)[len(mark) :])  # noqa: S302
        return code

    def _text(self, begin: int, end: int) -> bytes:
        return self._data[begin:end] if self._data else os.pread(self._descriptor, end - begin, begin)

    def forget(self) -> None:
        """Find nothing any more, for a process that closes the descriptors it does not know."""
        self._index = {}

    def keep(self) -> None:
        """Add what was loaded otherwise, if there is such a thing and the file may be written."""
        added = {} if sys.dont_write_bytecode or sys.flags.optimize else dict(self._loaded())
        try:
            if not added or os.stat(os.path.dirname(self._path)).st_uid != os.geteuid():
                return
            for name, kept in self._index.items():
                if name not in added and _is_as_it_was(kept):
                    added[name] = (*kept[:5], self._text(kept[5], kept[6]))
            self._write(added)
        except OSError:
            return

    def _loaded(self) -> list[tuple[str, tuple[str, str, int, int, bool, bytes]]]:
        found = []
        for name, module in sys.modules.copy().items():
            spec = getattr(module, "__spec__", None)
            if name in self._before or name in self._served or spec is None or spec.name != name:
                continue
            if type(spec.loader) is not _importing.SourceFileLoader or not spec.cached:
                continue
            try:
                now = os.stat(spec.origin)
                code = name.encode() + b"\0" + marshal.dumps(spec.loader.get_code(name))
            except (OSError, ImportError, SyntaxError, ValueError):
                continue
            package = spec.submodule_search_locations is not None
            found.append((name, (spec.origin, spec.cached, int(now.st_mtime), now.st_size, package, code)))
        return found

    def _write(self, added: dict[str, tuple[str, str, int, int, bool, bytes]]) -> None:
        index, at = {}, _HEAD
        for name, (*said, code) in added.items():
            index[name] = (*said, at, at + len(code))
            at += len(code)
        table = marshal.dumps((sys.path, index))
        head = _MAGIC + at.to_bytes(8, "little") + len(table).to_bytes(8, "little")
        if at > _LARGEST:
            return
        part = f"{self._path}.{os.getpid()}"
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        try:
            with open(descriptor, "wb") as file:
                file.write(b"".join((head, *(code for *_, code in added.values()), table)))
            os.rename(part, self._path)
        except OSError:
            os.unlink(part)
            raise


def _is_as_it_was(kept: Kept) -> bool:
    """Whether the source is there and has the time and the size it had."""
    try:
        now = os.stat(kept[0])
    except OSError:
        return False
    return int(now.st_mtime) == kept[2] and now.st_size == kept[3]


def begin(path: str, *, whole: bool = False) -> ModuleArchive:
    """Have modules found in a file from now on."""
    finder = ModuleArchive(path, whole=whole)
    sys.meta_path.insert(0, finder)
    return finder


def forget() -> None:
    """Have this process, a fork that goes its own way, find them as Python does."""
    for finder in sys.meta_path:
        if isinstance(finder, ModuleArchive):
            finder.forget()
