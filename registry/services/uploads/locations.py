"""Where a session is found, and where it stood when the client was answered: its Location.

    /v2/NAME/blobs/uploads/ID.OFFSET.ALGORITHM.SIGNATURE

The signature is a keyed BLAKE2b of all of it and the principal, with one key for all workers and replicas (a row of the
database, made once). So a worker that has never heard of a session knows that there was one, which and how far, and
need not wait for its row. A Location gives no right: the gate and the session's principal are asked as for any other.
What it gains: "small image push, any request on any of 32 connections" in docs/benchmarks.md.

Without offset and signature, as a client makes it from Docker-Upload-UUID, it stands where the session began, and finds
only a session that is written down or known to the worker.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from typing import NamedTuple

from registry.metadata import secrets as kept
from registry.metadata.database import Database
from registry.oci.errors import BlobUploadUnknown, RangeInvalid
from registry.services.uploads.session import UploadSession, held

_KEY_BYTES = 32
_KEY_NAME = "upload-locations"
_SIGNATURE_HEX = 32
_FORM = re.compile(r"([0-9a-f]{32})(?:\.(0|[1-9][0-9]{0,17})\.([a-z0-9]{1,16})\.([0-9a-f]{32}))?")


class Place(NamedTuple):
    """A Location taken apart; `signed` when it is one of ours."""

    id: str
    offset: int
    algorithm: str
    signed: bool


class Locations:
    """See the module. `ready` comes first."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._key = b""

    async def ready(self) -> None:
        """Know the key, which the first worker to ask makes."""
        if not self._key:
            found = await self._database.read(lambda session: kept.find(session, _KEY_NAME))
            if found is None:
                made = secrets.token_hex(_KEY_BYTES)
                found = await self._database.write(lambda session: kept.ensure(session, _KEY_NAME, made))
            self._key = bytes.fromhex(found)

    def path(self, session: UploadSession, offset: int) -> str:
        row = session.row
        signature = self._signature(row.repository, row.principal, row.id, offset, row.algorithm)
        return f"/v2/{row.repository}/blobs/uploads/{row.id}.{offset}.{row.algorithm}.{signature}"

    def parse(self, repository: str, principal: str, text: str) -> Place:
        """Raises BlobUploadUnknown for what was never a Location of this repository and principal."""
        found = _FORM.fullmatch(text)
        if found is not None:
            upload, offset, algorithm, signature = found.groups()
            if signature is None:
                return Place(upload, 0, "", False)
            right = self._signature(repository, principal, upload, int(offset), algorithm)
            if hmac.compare_digest(signature, right):
                return Place(upload, int(offset), algorithm, True)
        raise BlobUploadUnknown(
            f"{repository} has no upload {text[:64]!r}, start a new one", {"name": repository, "upload": text[:64]}
        )

    def check_order(self, session: UploadSession, offset: int, start: int) -> None:
        """Raises RangeInvalid unless bytes that start there go on where the session's `offset` bytes end."""
        if start == offset:
            return
        where = {
            "location": self.path(session, offset),
            "range": held(offset),
            "docker-upload-uuid": session.id,
        }
        raise RangeInvalid(
            f"the chunk starts at {start}, the upload holds {offset} bytes; go on from there",
            {"offset": offset},
            headers=where,
        )

    def _signature(self, repository: str, principal: str, upload: str, offset: int, algorithm: str) -> str:
        text = f"{repository}\n{upload}\n{offset}\n{algorithm}\n{principal}"
        return hashlib.blake2b(text.encode(), key=self._key, digest_size=_SIGNATURE_HEX // 2).hexdigest()
