"""A file that root and the user of the registry alone can read: who knows what is in it runs here, as one of them.

It lies in shared memory, which every process of this machine sees at the same path, but those in containers. Each
process has one, made when it is first asked for; another worker recognises it by reading it.
"""

from __future__ import annotations

import contextlib
import hmac
import os
import re
import secrets
import stat as modes
import threading

FOLDER = "/dev/shm"  # noqa: S108 - the file is made anew, with a name that cannot be guessed
_PROOF = re.compile(r"(entrepot-[0-9a-f]{32}) ([0-9a-f]{64})", re.ASCII)

_made: dict[int, str] = {}
"""By process, as workers are forked."""
_making = threading.Lock()


def file() -> str:
    """The path of this process's file. Raises OSError."""
    with _making:
        path = _made.get(os.getpid())
        if path is None or not os.path.exists(path):
            path = f"{FOLDER}/entrepot-{secrets.token_hex(16)}"
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                os.write(descriptor, secrets.token_hex(32).encode())
            finally:
                os.close(descriptor)
            _made[os.getpid()] = path
        return path


def is_right(proof: str) -> bool:
    """Whether a proof, "<name> <content>", is that of a file of this user's."""
    found = _PROOF.fullmatch(proof)
    if found is None:
        return False
    try:
        descriptor = os.open(f"{FOLDER}/{found[1]}", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        status = os.fstat(descriptor)
        ours = modes.S_ISREG(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & 0o077
        return ours and hmac.compare_digest(os.read(descriptor, 65), found[2].encode())
    finally:
        os.close(descriptor)


def remove() -> None:
    """At the end of the process."""
    path = _made.pop(os.getpid(), None)
    if path is not None:
        with contextlib.suppress(OSError):
            os.unlink(path)
