"""Push and delete of manifests and tags (distribution spec, "Pushing manifests", "Deleting")."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import msgspec

from registry.metadata import events, manifests, pushes, repositories, tags
from registry.metadata.clock import now_ms
from registry.metadata.database import Database, Session
from registry.oci.errors import DigestInvalid, ManifestBlobUnknown, ManifestUnknown, NameUnknown
from registry.oci.manifest import MAX_DESCRIPTORS, Manifest, parse
from registry.services.actor import Actor
from registry.services.conditions import Conditions
from storage.digest import Digest

LARGE = 64 * 1024
"""Manifests over this many bytes are parsed in a thread, one at a time: each takes several times its size."""


@dataclass(frozen=True, slots=True)
class Pushed:
    """What a manifest push did."""

    digest: str
    subject: str | None
    tags: tuple[str, ...]


class _Push(NamedTuple):
    """What a push says, read from its bytes."""

    manifest: Manifest
    digest: str
    names: tuple[str, ...]
    references: list[tuple[str, str]]
    wanted: list[str]
    annotations: str


class Manifests:
    """Writes. A push is one transaction: its checks, the manifest, its references, its tags and their events.

    `sparse`: take manifests some of whose layers are missing, as the spec allows; an image's config is always wanted.
    """

    def __init__(
        self, database: Database, json_depth: int, json_values: int, descriptors: int = MAX_DESCRIPTORS, *, sparse: bool
    ) -> None:
        self._database = database
        self._parser = ThreadPoolExecutor(1, "manifests")
        self._bounds = json_depth, json_values, descriptors
        self._sparse = sparse

    async def put(
        self,
        repository: str,
        reference: str,
        payload: bytes,
        content_type: str | None,
        more_tags: Sequence[str],
        conditions: Conditions,
        actor: Actor,
    ) -> Pushed:
        """Raises ManifestInvalid, DigestInvalid, ManifestBlobUnknown, PreconditionFailed."""
        push = await self._read(payload, content_type, reference, more_tags)
        manifest, digest, names = push.manifest, push.digest, push.names
        subject = manifest.subject.digest if manifest.subject else None

        def put(session: Session) -> None:
            now = now_ms()
            before = pushes.standing(session, repository, digest, push.wanted, names)
            _check_blobs(before.missing)
            if ":" in reference:
                conditions.check(f"{repository}@{digest}", digest if before.media_type is not None else None)
            else:
                for name in names:
                    conditions.check(f"{repository}:{name}", before.tags[name])
            repository_id = before.repository_id or repositories.ensure(session, repository, now)
            described = subject, manifest.artifact_type, push.annotations
            event = partial(self._event, session, repository=repository, digest=digest, actor=actor)
            if before.media_type is None:
                manifests.put(
                    session, repository_id, digest, manifest.media_type, payload, *described, push.references, now
                )
                event("manifest.pushed", media_type=manifest.media_type, size=len(payload))
            for name in names:
                tags.put(session, repository_id, repository, name, digest, before.tags[name], now, actor.principal)
                if before.tags[name] != digest:
                    event("tag.moved", tag=name, media_type=manifest.media_type, size=len(payload))

        await self._database.write(put)
        return Pushed(digest, subject, names)

    async def _read(self, payload: bytes, content_type: str | None, reference: str, more_tags: Sequence[str]) -> _Push:
        given = payload, content_type, reference, more_tags
        if len(payload) <= LARGE:
            return self._read_now(*given)
        return await asyncio.get_running_loop().run_in_executor(self._parser, self._read_now, *given)

    def _read_now(self, payload: bytes, content_type: str | None, reference: str, more_tags: Sequence[str]) -> _Push:
        manifest = parse(payload, content_type, *self._bounds)
        digest, names = _identify(reference, payload, more_tags)
        references = [("config", manifest.config.digest)] if manifest.config else []
        references += [("layer", layer.digest) for layer in manifest.layers]
        references += [("manifest", child.digest) for child in manifest.manifests]
        # The blobs that must be there.
        required = ([manifest.config] if manifest.config else []) if self._sparse else manifest.required_blobs
        wanted = list({descriptor.digest for descriptor in required})
        return _Push(manifest, digest, names, references, wanted, _annotations(manifest))

    async def delete(self, repository: str, digest: str, conditions: Conditions, actor: Actor) -> None:
        """Delete a manifest and every tag on it, at once. Raises ManifestUnknown, NameUnknown, PreconditionFailed."""

        def delete(session: Session) -> None:
            repository_id = self._known(session, repository)
            there = manifests.exists(session, repository, digest)
            conditions.check(f"{repository}@{digest}", digest if there else None)
            gone = manifests.delete(session, repository, digest, now_ms(), actor.principal)
            if gone is None:
                raise unknown(repository, digest)
            repositories.drop_if_empty(session, repository_id)
            for name in gone:
                self._event(session, "tag.deleted", repository=repository, digest=digest, tag=name, actor=actor)
            self._event(session, "manifest.deleted", repository=repository, digest=digest, actor=actor)

        await self._database.write(delete)

    async def untag(self, repository: str, tag: str, conditions: Conditions, actor: Actor) -> None:
        """Delete a tag; the manifest stays. Raises ManifestUnknown, NameUnknown, PreconditionFailed."""

        def delete(session: Session) -> None:
            self._known(session, repository)
            conditions.check(f"{repository}:{tag}", tags.digest_of(session, repository, tag))
            digest = tags.delete(session, repository, tag, now_ms(), actor.principal)
            if digest is None:
                raise unknown(repository, tag)
            self._event(session, "tag.deleted", repository=repository, digest=digest, tag=tag, actor=actor)

        await self._database.write(delete)

    def _known(self, session: Session, repository: str) -> int:
        repository_id = repositories.find(session, repository)
        if repository_id is None:
            raise NameUnknown(f"repository {repository} is not known here", {"name": repository})
        return repository_id

    def _event(
        self,
        session: Session,
        kind: str,
        *,
        repository: str,
        digest: str,
        actor: Actor,
        tag: str = "",
        media_type: str = "",
        size: int = 0,
    ) -> None:
        events.append(
            session,
            kind,
            repository=repository,
            digest=digest,
            tag=tag,
            media_type=media_type,
            size=size,
            actor=actor.principal,
            request_id=actor.request_id,
            at=now_ms(),
        )


def _check_blobs(missing: Sequence[str]) -> None:
    if missing:
        raise ManifestBlobUnknown(
            "the manifest refers to blobs that its repository does not have, push them first",
            [{"digest": digest} for digest in missing[:100]],
        )


def unknown(repository: str, reference: str) -> ManifestUnknown:
    return ManifestUnknown(f"{repository} has no manifest {reference}", {"name": repository, "reference": reference})


def _identify(reference: str, payload: bytes, more_tags: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """The digest in the algorithm it was asked in, and the tags to set."""
    if ":" not in reference:
        return str(Digest.of(payload)), tuple(dict.fromkeys((reference, *more_tags)))
    wanted = Digest.parse(reference)
    actual = Digest.of(payload, wanted.algorithm)
    if actual != wanted:
        raise DigestInvalid(f"the manifest's bytes are {actual}, not {wanted}", {"digest": reference})
    return reference, tuple(dict.fromkeys(more_tags))


def _annotations(manifest: Manifest) -> str:
    return msgspec.json.encode(manifest.annotations).decode() if manifest.annotations else ""
