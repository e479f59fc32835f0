"""The mixed load: clients in threads, each with a repository of its own and all with one that they share."""

import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.faults.client import Client, Judge, never
from tests.faults.content import Blob, Manifest, blob, image, index, random_size
from tests.faults.record import BLOB, MANIFEST, TAG, Key, Record
from tests.faults.wire import Cut, Wire

SHARED = "shared/app"
SHARED_TAGS = ("latest", "stable", "edge")
# Blobs that several clients push at once; those after the first eight may be deleted as well.
POOL_KEPT, POOL_ALL = 8, 14


class Pusher(Client):
    """A client that chooses what to do next at random."""

    def __init__(
        self, number: int, wire: Wire, record: Record, rng: random.Random, repository: str, judge: Judge = never
    ) -> None:
        super().__init__(number, wire, record, rng, judge)
        self.repository = repository
        self._made = 0
        self._acts: dict[Callable[[], bool], int] = {
            self.push_blob: 26,
            self.push_image: 24,
            self.push_index: 6,
            self.push_artifact: 7,
            self.tag_again: 8,
            self.tag_if: 6,
            self.share_blob: 8,
            self.share_image: 8,
            self.delete_shared: 3,
            self.delete_tag: 5,
            self.delete_manifest: 5,
            self.delete_blob: 5,
            self.leave_upload: 5,
            self.cancel_upload: 3,
            self.resume_upload: 6,
            self.look: 8,
        }

    def act(self) -> None:
        """Do one thing; counted by its name."""
        act = self.rng.choices(list(self._acts), weights=list(self._acts.values()))[0]
        done = act()
        self.record.count(f"{act.__name__} {'done' if done else 'passed'}")
        if self.rng.random() < 0.2:
            self.wire.close()

    # Blobs.

    def push_blob(self) -> bool:
        return self._push(self.repository, self._new_blob()) is not None

    def share_blob(self) -> bool:
        """A blob of the common pool, to the own or the shared repository."""
        repository = self.rng.choice([self.repository, SHARED])
        return self._push(repository, pool(self.rng.randrange(POOL_ALL))) is not None

    def leave_upload(self) -> bool:
        upload = self.open_upload(self.repository, self._new_blob(at_least=2000))
        return upload is not None and self.patch(upload, self.rng.randint(2, upload.blob.size - 1))

    def cancel_upload(self) -> bool:
        upload = self.open_upload(self.repository, self._new_blob(at_least=2000))
        if upload is None or not self.patch(upload, self.rng.randint(2, upload.blob.size - 1), pieces=2):
            return False
        self.cancel(upload)
        return upload.state == "cancelled"

    def resume_upload(self) -> bool:
        left = [upload for upload in self.record.uploads if upload.owner == self.number and upload.state == "open"]
        return bool(left) and self.resume(self.rng.choice(left))

    # Manifests.

    def push_image(self) -> bool:
        config = self._push(self.repository, self._new_blob())
        layers = [self._push(self.repository, self._new_blob()) for _ in range(self.rng.randint(0, 2))]
        if config is None or None in layers:
            return False
        algorithm = "sha512" if self.rng.random() < 0.1 else "sha256"
        made = image(
            config,
            [layer for layer in layers if layer],
            mark=self._mark(),
            docker=self.rng.random() < 0.3,
            algorithm=algorithm,
        )
        return self._put(made, by_digest=algorithm != "sha256")

    def push_index(self) -> bool:
        children = self._some(MANIFEST, 3)
        return bool(children) and self._put(
            index([self.record.manifests[name] for name in children], mark=self._mark())
        )

    def push_artifact(self) -> bool:
        """An artifact about a manifest that is here, or about one that is not (yet)."""
        config = self._push(self.repository, blob("empty", 2))
        held = self._some(MANIFEST, 1)
        if config is None:
            return False
        subject = image(config, [], mark=f"never pushed {self._mark()}")
        if held and self.rng.random() < 0.8:
            subject = self.record.manifests[held[0]]
        made = image(config, [], mark=self._mark(), subject=subject, artifact_type="application/vnd.test.sbom")
        return self._put(made, by_digest=True)

    def tag_again(self) -> bool:
        held = self._some(MANIFEST, 1, algorithm="sha256")
        return bool(held) and self.put_manifest(
            self.repository, self.record.manifests[held[0]], (self._tag(),), by_digest=self.rng.random() < 0.3
        )

    def tag_if(self) -> bool:
        """A tag moved by compare-and-swap, or created only when there is none, in a shared or the own repository."""
        shared = self.rng.random() < 0.5
        repository = SHARED if shared else self.repository
        tag = self.rng.choice(SHARED_TAGS) if shared else self._tag()
        held = sorted(self.record.sure(repository, MANIFEST))
        if not held:
            return False
        now = self.ask("HEAD", f"/v2/{repository}/manifests/{tag}", expected=(200, 404))
        if now.status not in {200, 404}:
            return False
        conditions = {"If-None-Match": "*"} if now.status == 404 else {"If-Match": now.headers.get("etag", '"none"')}
        chosen = self.record.manifests[self.rng.choice(held)]
        if not chosen.digest.startswith("sha256:"):
            return False
        return self.move_tag(repository, chosen, tag, conditions, may_lose=shared)

    def share_image(self) -> bool:
        """One of a few images, whose bytes all clients know, under tags which all clients move."""
        chosen = [pool(place) for place in self.rng.sample(range(POOL_KEPT), 2)]
        if None in [self._push(SHARED, content) for content in chosen]:
            return False
        made = image(chosen[0], chosen[1:], mark="shared")
        tags = tuple(self.rng.sample(SHARED_TAGS, self.rng.randint(1, 2)))
        return self.put_manifest(SHARED, made, tags, by_digest=len(tags) > 1)

    # Deletes.

    def delete_shared(self) -> bool:
        if self.rng.random() < 0.5:
            return self.delete(Key(TAG, SHARED, self.rng.choice(SHARED_TAGS)), {}, may_miss=True)
        loose = pool(self.rng.randrange(POOL_KEPT, POOL_ALL))
        return self.delete(Key(BLOB, SHARED, loose.digest), {}, may_miss=True)

    def delete_tag(self) -> bool:
        held = self._some(TAG, 1)
        return bool(held) and self.delete(Key(TAG, self.repository, held[0]), {})

    def delete_manifest(self) -> bool:
        """With it go the tags that point at it; not when it is unknown whether a tag does."""
        held = self._some(MANIFEST, 1)
        if not held or self.record.doubtful(self.repository, held[0]):
            return False
        tags = self.record.sure(self.repository, TAG)
        also = {Key(TAG, self.repository, tag): "" for tag, digest in tags.items() if digest == held[0]}
        return self.delete(Key(MANIFEST, self.repository, held[0]), also)

    def delete_blob(self) -> bool:
        """Of a blob that no manifest here needs: a manifest without its blobs could not be pushed again."""
        held = self.record.sure(self.repository, MANIFEST)
        needed = {name for digest in held for name in self.record.manifests[digest].needs()}
        loose = [name for name in self._some(BLOB, 20) if name not in needed]
        return bool(loose) and self.delete(Key(BLOB, self.repository, loose[0]), {})

    def look(self) -> bool:
        kind = self.rng.choice([BLOB, MANIFEST, TAG])
        held = self._some(kind, 1)
        if held:
            self.read_back(Key(kind, self.repository, held[0]), self.record.sure(self.repository, kind)[held[0]])
        return bool(held)

    # Choices.

    def _push(self, repository: str, content: Blob) -> Blob | None:
        """Push in a random shape; the blob when it is acknowledged."""
        mountable = [content.digest] if repository == SHARED else self._others()
        shapes = [self.single_post, self.post_put, self.chunks, self.streamed]
        if mountable and self.rng.random() < 0.15:
            return self._mounted(repository, self.rng.choice(mountable))
        shape = self.rng.choice(shapes)
        done = shape(repository, content)
        self.record.count(f"{shape.__name__} {content.algorithm} {'done' if done else 'failed'}")
        return content if done else None

    def _others(self) -> list[str]:
        return sorted(self.record.sure(SHARED, BLOB))

    def _mounted(self, repository: str, digest: str) -> Blob | None:
        content = self.record.blobs.get(digest)
        source = self.repository if repository == SHARED else SHARED
        if content is None:
            return None
        done = self.mount(repository, content, source)
        self.record.count(f"mount {'done' if done else 'failed'}")
        return content if done else None

    def _put(self, manifest: Manifest, *, by_digest: bool = False) -> bool:
        """Under a tag, by digest, or by digest with several tags."""
        shape = (
            self.rng.choice(["digest", "digest and tags"]) if by_digest else self.rng.choice(["tag", "digest and tags"])
        )
        tags = {"tag": 1, "digest": 0, "digest and tags": self.rng.randint(2, 3)}[shape]
        names = tuple(dict.fromkeys(self._tag() for _ in range(tags)))
        done = self.put_manifest(self.repository, manifest, names, by_digest=shape != "tag")
        self.record.count(f"manifest by {shape} {'done' if done else 'failed'}")
        return done

    def _some(self, kind: str, most: int, algorithm: str = "") -> list[str]:
        names = [name for name in sorted(self.record.sure(self.repository, kind)) if name.startswith(algorithm)]
        return self.rng.sample(names, min(len(names), most))

    def _new_blob(self, at_least: int = 0) -> Blob:
        algorithm = "sha512" if self.rng.random() < 0.12 else "sha256"
        return blob(self._mark(), max(at_least, random_size(self.rng)), algorithm)

    def _tag(self) -> str:
        return f"v{self.rng.randrange(12)}"

    def _mark(self) -> str:
        self._made += 1
        return f"{self.repository} {self.number} {self._made} {self.rng.getrandbits(48):x}"


def pool(place: int) -> Blob:
    """The blobs that all clients know."""
    return blob(f"pool {place}", [3000, 60_000, 200, 900_000][place % 4])


@dataclass
class Load:
    """Pushers in threads against a server, or its replicas, until they are told to stop or lose the server.

    `outlives`: an answer may be lost at any time, and its client goes on. `lossy`: sessions may be lost.
    `pusher`: what kind they are.
    """

    ports: Sequence[int]
    record: Record
    seed: str
    clients: int = 4
    epoch: int = 0
    judge: Judge = never
    outlives: bool = False
    lossy: bool = False
    pusher: type[Pusher] = Pusher
    # Set before the server is killed; an answer that is lost earlier is a defect.
    killing: threading.Event = field(default_factory=threading.Event)
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        for number in range(self.clients):
            thread = threading.Thread(target=self._run, args=(number,), name=f"client {number}")
            self._threads.append(thread)
            thread.start()

    def join(self) -> None:
        """Stop after the request under way; returns when all have stopped."""
        self._stop.set()
        for thread in self._threads:
            thread.join(60)
        if any(thread.is_alive() for thread in self._threads):
            self.record.complain("a client hung")

    def _run(self, number: int) -> None:
        rng = random.Random(f"{self.seed} {number}")
        repository = f"team-{number}/app-{self.epoch}"
        with Wire(*self.ports) as wire:
            pusher = self.pusher(number, wire, self.record, rng, repository, self.judge)
            pusher.lossy = self.lossy
            try:
                while not self._stop.is_set():
                    self._act(pusher)
            except Cut as cut:
                if self.killing.is_set():
                    self.record.count("answers lost")
                else:
                    self.record.complain(f"an answer was lost while the server was up: {cut}")
            except Exception as error:
                self.record.complain(f"client {number} failed: {error!r}")
                raise

    def _act(self, pusher: Pusher) -> None:
        try:
            pusher.act()
        except Cut:
            if not self.outlives:
                raise
            self.record.count("answers lost")
            self._stop.wait(0.05)
