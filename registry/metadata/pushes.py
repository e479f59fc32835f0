"""What a push of a manifest has to know before it writes, asked in one go."""

from collections.abc import Sequence
from typing import NamedTuple

from registry.metadata import blobs, manifests, repositories, tags
from registry.metadata.session import Session


class Standing(NamedTuple):
    """What is there: None for a repository, a manifest or the manifest of a tag that is not."""

    repository_id: int | None
    media_type: str | None
    """Of the manifest, as it is held."""
    missing: list[str]
    """Those of the wanted blobs that the repository does not see, in the order given."""
    tags: dict[str, str | None]
    """The digest that each tag points at."""


def standing(s: Session, repository: str, digest: str, wanted: Sequence[str], names: Sequence[str]) -> Standing:
    """What a repository has of a manifest, of the blobs wanted for it, and of the tags to be put on it."""
    (id_row, media_type, *rest) = s.batch(
        [
            repositories.ask_id(repository),
            manifests.ask_media_type(repository, digest),
            *(blobs.ask_located(repository, blob) for blob in wanted),
            *(tags.ask_digest(repository, name) for name in names),
        ]
    )
    located, pointing = rest[: len(wanted)], rest[len(wanted) :]
    return Standing(
        id_row[0][0] if id_row else None,
        media_type[0][0] if media_type else None,
        [blob for blob, rows in zip(wanted, located, strict=True) if not rows],
        {name: rows[0][0] if rows else None for name, rows in zip(names, pointing, strict=True)},
    )
