"""Several small files made durable together: the disk is asked for all before any is waited for, each folder once.

A journalling file system answers the first of many such waits with one commit and the rest for next to nothing; so does
a thread that makes the calls one after another, where many threads would hand the interpreter's lock around for each.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from storage.drivers.folders import Folders

_START_WRITING = 2
"""SYNC_FILE_RANGE_WRITE: begin, and do not wait."""

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(slots=True)
class _File:
    target: str
    data: bytes
    aside: str
    descriptor: int = -1
    error: OSError | None = None


def put_group(
    files: Sequence[tuple[str, bytes]], folders: Folders, new_aside: Callable[[], str], mode: int, *, durable: bool
) -> list[OSError | None]:
    """Write, make durable and publish each file; what each failed with, None for those stored.

    The steps are those of a single file, each taken for all before the next. Not `durable`: the caller sees to that.
    """
    group = [_File(target, data, new_aside()) for target, data in files]
    try:
        _each(group, lambda file: _write(file, folders, mode))
        if durable:
            for file in group:
                if file.descriptor >= 0:
                    _libc.sync_file_range(file.descriptor, ctypes.c_int64(0), ctypes.c_int64(0), _START_WRITING)
            _each(group, lambda file: os.fsync(file.descriptor))
        _each(group, lambda file: folders.rename(file.aside, file.target, fresh=False))
        if durable:
            _persist(group, folders)
    finally:
        for file in group:
            _clean(file, folders)
    return [file.error for file in group]


def _each(group: list[_File], step: Callable[[_File], None]) -> None:
    """Take the step for every file that has not failed."""
    for file in group:
        if file.error is None:
            try:
                step(file)
            except OSError as error:
                file.error = error


def beside(target: str) -> str:
    """Where a file is while it is written, if it can be there."""
    folder, _, name = target.rpartition("/")
    return f"{folder}/.{name}"


def _write(file: _File, folders: Folders, mode: int) -> None:
    # A file system looks for room near the folder: in one for all of them, that search is most of what a file costs.
    near = beside(file.target)
    try:
        folders.make(os.path.dirname(near))
        file.descriptor = folders.open(near, _NEW, mode)
        file.aside = near
    except (FileExistsError, FileNotFoundError):  # another is storing the same, or has just emptied the folder
        file.descriptor = folders.open_aside(file.aside, os.O_WRONLY, mode)
    done = os.write(file.descriptor, file.data)
    while done < len(file.data):
        done += os.write(file.descriptor, memoryview(file.data)[done:])


def _persist(group: list[_File], folders: Folders) -> None:
    """The folders of those published; a folder that fails, fails every file below it."""
    by_folder: dict[str, list[_File]] = {}
    for file in group:
        if file.error is None:
            by_folder.setdefault(os.path.dirname(file.target), []).append(file)
    for folder, failed in folders.persist_all(list(by_folder)).items():
        for file in by_folder[folder]:
            file.error = failed


def _clean(file: _File, folders: Folders) -> None:
    if file.descriptor >= 0:
        os.close(file.descriptor)
    if file.error is not None:
        with contextlib.suppress(OSError):
            folders.unlink(file.aside)
