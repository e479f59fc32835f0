"""The order in which an answer must have been made safe, judged from the system calls that led to it.

A file is published by a rename. What must have happened, in this order, each step ended before the next begins:
1. the file is synced after the last write to it, and then renamed;
2. the folder it was renamed into is synced, and so is the parent of each folder made on the way;
   or, instead of both, its bytes were written to the journal, and that was synced, before the rename;
3. the database's log is written and synced;
4. the answer leaves.
"""

from collections.abc import Sequence
from pathlib import PurePath

from tests.faults.strace import Call

RENAMES = {"rename", "renameat", "renameat2", "link", "linkat"}
SYNCS = {"fsync", "fdatasync"}
WRITES = {"write", "writev", "pwrite64", "pwritev", "pwritev2", "splice", "copy_file_range", "sendfile", "ftruncate"}
FOLDERS = {"mkdir", "mkdirat"}
SENDS = {"sendto", "sendmsg", "write", "writev"}
TRACED = ",".join(sorted(RENAMES | SYNCS | WRITES | FOLDERS | SENDS))


def answer(calls: Sequence[Call], status: int) -> Call:
    """The call that sent the answer with this status, the last of them."""
    sent = [call for call in calls if call.name in SENDS and f'"HTTP/1.1 {status} ' in call.arguments]
    if not sent:
        raise AssertionError(f"no answer {status} among {len(calls)} calls")
    return sent[-1]


def unsafe(calls: Sequence[Call], sent: Call, digest: str = "") -> list[str]:
    """What was not safe when the answer was sent; the digest is that of the blob it is about, if it is about one."""
    before = [call for call in calls if call.ended < sent.began and call.ok]
    renames = _published(before, digest) if digest else []
    if digest and not renames:
        return [f"{digest} is not published before the answer"]
    problems = []
    for call in renames:
        if not _in_journal(before, call):
            problems += _unsafe_file(before, call)
    return problems + _unsafe_database(before, max((call.ended for call in renames), default=-1))


def _published(calls: Sequence[Call], digest: str) -> list[Call]:
    """Its renames. The server follows its events in the background, and stores manifests as blobs too meanwhile."""
    algorithm, _, encoded = digest.partition(":")
    place = f"/blobs/{algorithm}/{encoded[:2]}/{encoded}/data"
    return [call for call in calls if call.name in RENAMES and call.ok and call.paths()[-1].endswith(place)]


def _unsafe_file(before: Sequence[Call], rename: Call) -> list[str]:
    problems = []
    source, target = rename.paths()[0], PurePath(rename.paths()[-1])
    writes = [
        call.ended for call in before if call.name in WRITES and call.path == source and call.ended < rename.began
    ]
    last = max(writes, default=-1)
    if not any(_syncs(call, source) and last < call.began and call.ended < rename.began for call in before):
        problems.append(f"{source} is not synced between its last write and its rename")
    if not any(_syncs(call, str(target.parent)) and rename.ended < call.began for call in before):
        problems.append(f"the folder {target.parent} is not synced after the rename into it")
    for made in before:
        folder = PurePath(made.paths()[-1]) if made.name in FOLDERS and made.paths() else None
        if folder is None or folder not in target.parents:
            continue
        if not any(_syncs(call, str(folder.parent)) and made.ended < call.began for call in before):
            problems.append(f"the new folder {folder} is not synced in its parent")
    return problems


def _in_journal(before: Sequence[Call], rename: Call) -> bool:
    """Whether the file that this publishes was synced as a part of the journal. A record begins with its path."""
    name = "/".join(PurePath(rename.paths()[-1]).parts[-3:])
    kept = [call for call in before if call.name in WRITES and "/.journal/" in call.path and name in call.arguments]
    return any(
        _syncs(call, written.path) and written.ended < call.began and call.ended < rename.began
        for written in kept
        for call in before
    )


def _unsafe_database(before: Sequence[Call], start: int) -> list[str]:
    """SQLite's log is written after the publishing, and synced after that."""
    writes = [call for call in before if call.name in WRITES and call.path.endswith("-wal") and call.began > start]
    if not writes:
        return ["the database is not written before the answer"]
    if not any(
        _syncs(call, call.path) and call.path.endswith("-wal") and call.began > writes[0].ended for call in before
    ):
        return ["the database is not synced before the answer"]
    return []


def _syncs(call: Call, path: str) -> bool:
    return call.name in SYNCS and call.path == path
