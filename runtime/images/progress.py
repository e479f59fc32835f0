"""Who is told how a pull, a push or a load gets on."""

from enum import StrEnum
from typing import Protocol


class Status(StrEnum):
    """What a layer is at, in docker's words."""

    PULLING = "Pulling fs layer"
    WAITING = "Waiting"
    DOWNLOADING = "Downloading"
    RETRYING = "Retrying"
    VERIFYING = "Verifying Checksum"
    DOWNLOADED = "Download complete"
    EXTRACTING = "Extracting"
    PULLED = "Pull complete"
    SHARED = "Shared with the registry"
    EXISTS = "Already exists"
    PREPARING = "Preparing"
    COMPRESSING = "Compressing"
    PUSHING = "Pushing"
    PUSHED = "Pushed"
    THERE = "Layer already exists"
    MOUNTED = "Mounted from"
    SKIPPED = "Skipped foreign layer"
    LOADING = "Loading layer"


class Progress(Protocol):
    """Told from several threads."""

    def say(self, text: str, /) -> None:
        """A line by itself."""

    def layer(self, short: str, status: Status, done: int = 0, total: int = 0, more: str = "") -> None:
        """A layer's short id, what it is at, and bytes done of those in total where there are any to count."""


class Silent:
    """Reports nothing."""

    def say(self, text: str, /) -> None:
        """Nothing."""

    def layer(self, short: str, status: Status, done: int = 0, total: int = 0, more: str = "") -> None:
        """Nothing."""
