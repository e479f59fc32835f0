"""Who may write to a session: one request at a time, over all workers and replicas."""

from __future__ import annotations

from typing import Protocol

from registry.services.uploads.session import UploadSession


class Ownership(Protocol):
    """Between the workers; the requests of one worker are kept apart by the session's own lock."""

    async def take(self, session: UploadSession) -> None:
        """Be the worker that writes to it.

        Raises TooManyRequests while another is, BlobUploadUnknown when it is gone.
        """

    async def give_back(self, session: UploadSession) -> None:
        """Let others write to it, with what is known of it now. Never raises."""

    async def renew(self) -> None:
        """Keep what has been taken and not given back; called every quarter of a second."""

    async def settled(self, session: UploadSession) -> None:
        """Wait until no other worker is writing to it."""
