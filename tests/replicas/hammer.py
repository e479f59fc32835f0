"""Clients that move, read and delete the same few tags and blobs on all replicas at once, and write it all down."""

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

from tests.faults.content import MANIFEST_TYPES, OCI_MANIFEST, Blob, Manifest, blob, image
from tests.faults.wire import Answer, Cut, Refused, Wire
from tests.replicas.history import (
    ABSENT,
    History,
    Operation,
    deleted,
    erased,
    listed,
    put,
    refused,
    seen,
    swapped,
)

REPOSITORY = "hammer/app"
TAGS = ("latest", "stable")
CONFIG = blob("config of all", 300)
BLOBS = (blob("first of all", 900), blob("second of all", 40_000))

# Seconds after which the request of a replica that died, or that answered 503, is carried out no more.
GRACE = 2.0


class Unexpected(Exception):
    """An answer that no register explains."""


class Hammer:
    """What all its clients did. `trouble`: answers may be lost, or be 503."""

    def __init__(self, ports: Sequence[int], seed: str, *, trouble: bool = False) -> None:
        self.ports = list(ports)
        self.seed = seed
        self.trouble = trouble
        self.history = History()
        self.counts: Counter[str] = Counter()
        self._stop = threading.Event()

    def prepare(self) -> None:
        """Push what every manifest needs."""
        with Wire(*self.ports) as wire:
            answer = wire.ask("POST", f"/v2/{REPOSITORY}/blobs/uploads/?digest={CONFIG.digest}", CONFIG.data)
            assert answer.status == 201, answer.brief()

    def run(self, seconds: float, clients: int = 5, meanwhile: Callable[[], None] | None = None) -> None:
        """Hammer for so long, or while something else is done; raises what a client raised."""
        with ThreadPoolExecutor(clients) as pool:
            work = [pool.submit(self._client, number) for number in range(clients)]
            try:
                if meanwhile is not None:
                    meanwhile()
                self._stop.wait(seconds)
            finally:
                self._stop.set()
            for done in work:
                done.result()

    def _client(self, number: int) -> None:
        rng = random.Random(f"{self.seed} {number}")
        # Each begins on another replica.
        turned = self.ports[number % len(self.ports) :] + self.ports[: number % len(self.ports)]
        with Wire(*turned) as wire:
            client = _Client(number, wire, rng, self)
            while not self._stop.is_set():
                client.act()


class _Client:
    def __init__(self, number: int, wire: Wire, rng: random.Random, hammer: Hammer) -> None:
        self._number, self._wire, self._rng, self._hammer = number, wire, rng, hammer
        self._history = hammer.history
        self._made = 0
        self._under_way: tuple[str, Operation] | None = None
        self._acts: dict[Callable[[], None], int] = {
            self.move: 20,
            self.read: 50,
            # Where writes are lost, a list would tell of values that it does not name.
            self.look_at_list: 0 if hammer.trouble else 8,
            self.swap: 12,
            self.delete: 5,
            self.push: 8,
            self.head_blob: 20,
            self.delete_blob: 4,
        }

    def act(self) -> None:
        act = self._rng.choices(list(self._acts), weights=list(self._acts.values()))[0]
        try:
            act()
        except Cut as cut:
            if not self._hammer.trouble:
                raise
            self._lose(cut)
        self._hammer.counts[act.__name__] += 1

    # Tags

    def move(self) -> None:
        tag, made = self._tag(), self._new()
        operation = self._begin(tag, f"PUT {made.digest}", put(made.digest), made.digest)
        answer = self._ask("PUT", self._manifest(tag), made.payload, {"Content-Type": OCI_MANIFEST})
        if self._tells(answer, tag, operation, 201):
            self._end(operation, put(made.digest), made.digest)

    def swap(self) -> None:
        """Move the tag on the condition that it is where it was just seen."""
        tag, made = self._tag(), self._new()
        held = self._seen(tag)
        if held is None:
            return
        condition = {"If-Match": f'"{held}"'} if held else {"If-None-Match": "*"}
        operation = self._begin(tag, f"swap {held} {made.digest}", swapped(held, made.digest), made.digest)
        headers = {"Content-Type": OCI_MANIFEST, **condition}
        answer = self._ask("PUT", self._manifest(tag), made.payload, headers)
        if self._tells(answer, tag, operation, 201, 412):
            won = answer.status == 201
            self._hammer.counts["swaps won" if won else "swaps refused"] += 1
            if won:
                self._end(operation, swapped(held, made.digest), made.digest)
            elif self._hammer.trouble:
                self._history.void(tag, operation)
            else:
                self._end(operation, refused(held))

    def delete(self) -> None:
        tag = self._tag()
        operation = self._begin(tag, "DELETE", erased(), ABSENT)
        answer = self._ask("DELETE", self._manifest(tag))
        if self._tells(answer, tag, operation, 202, 404):
            self._deleted(operation, answer)

    def read(self) -> None:
        self._seen(self._tag())

    def look_at_list(self) -> None:
        operations = {tag: self._begin(tag, "list", lambda held: held) for tag in TAGS}
        answer = self._ask("GET", f"/v2/{REPOSITORY}/tags/list")
        for tag, operation in operations.items():
            if self._tells(answer, tag, operation, 200, 404):
                names = json.loads(answer.body)["tags"] or [] if answer.status == 200 else []
                self._end(operation, *((listed(), "something") if tag in names else (seen(ABSENT), ABSENT)))

    def _seen(self, tag: str) -> str | None:
        """The digest it answers, ABSENT for none, None when it answers nothing."""
        method = self._rng.choice(["GET", "HEAD"])
        operation = self._begin(tag, f"{method} on", lambda held: held)
        answer = self._ask(method, self._manifest(tag), headers={"Accept": MANIFEST_TYPES})
        if not self._tells(answer, tag, operation, 200, 404):
            return None
        value = answer.headers["docker-content-digest"] if answer.status == 200 else ABSENT
        if answer.status == 200 and method == "GET":
            mark = json.loads(answer.body)["annotations"]["mark"]
            if image(CONFIG, [], mark=mark).digest != value:
                raise Unexpected(f"{tag} says it is {value} and is {mark}")
        self._end(operation, seen(value), value)
        return value

    # Blobs

    def push(self) -> None:
        chosen = self._blob()
        operation = self._begin(chosen.digest, "push", put(chosen.digest), chosen.digest)
        answer = self._ask("POST", f"/v2/{REPOSITORY}/blobs/uploads/?digest={quote(chosen.digest)}", chosen.data)
        if self._tells(answer, chosen.digest, operation, 201):
            self._end(operation, put(chosen.digest), chosen.digest)

    def head_blob(self) -> None:
        chosen, method = self._blob(), self._rng.choice(["GET", "HEAD"])
        operation = self._begin(chosen.digest, method, lambda held: held)
        answer = self._ask(method, f"/v2/{REPOSITORY}/blobs/{chosen.digest}")
        if self._tells(answer, chosen.digest, operation, 200, 404):
            if answer.status == 200 and method == "GET" and answer.body != chosen.data:
                raise Unexpected(f"{chosen.digest} has other bytes")
            value = chosen.digest if answer.status == 200 else ABSENT
            self._end(operation, seen(value), value)

    def delete_blob(self) -> None:
        chosen = self._blob()
        operation = self._begin(chosen.digest, "DELETE", erased(), ABSENT)
        answer = self._ask("DELETE", f"/v2/{REPOSITORY}/blobs/{chosen.digest}")
        if self._tells(answer, chosen.digest, operation, 202, 404):
            self._deleted(operation, answer)

    # All

    def _deleted(self, operation: Operation, answer: Answer) -> None:
        found = erased() if self._hammer.trouble else deleted()
        self._end(operation, found if answer.status == 202 else seen(ABSENT), ABSENT)

    def _ask(
        self, method: str, target: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> Answer:
        answer = self._wire.ask(method, target, body, headers)
        for _ in range(3):
            if method != "GET" or answer.status != 500 or b"<Code>InternalError</Code>" not in answer.body:
                break
            # The bucket's own word, behind a redirect: JuiceFS says so of an object that is replaced just then, and
            # clients of S3 ask again.
            answer = self._wire.ask(method, target, body, headers)
        return answer

    def _begin(
        self, register: str, what: str, step: Callable[[str], str | None], value: str | None = None
    ) -> Operation:
        operation = self._history.begin(register, f"client {self._number}: {what}", step, value)
        self._under_way = register, operation
        return operation

    def _lose(self, cut: Cut) -> None:
        assert self._under_way is not None
        register, operation = self._under_way
        if isinstance(cut, Refused):
            self._history.void(register, operation)
            self._hammer.counts["refused"] += 1
            time.sleep(0.02)
        else:
            self._history.lose(operation, GRACE)
            self._hammer.counts["answers lost"] += 1

    def _end(self, operation: Operation, step: Callable[[str], str | None], told: str | None = None) -> None:
        operation.what += f" on {self._wire.port}"
        self._history.end(operation, step, told)

    def _tells(self, answer: Answer, register: str, operation: Operation, *expected: int) -> bool:
        """Whether the answer says what happened; a 503 says nothing, its write counts as lost."""
        if answer.status in expected:
            return True
        if not self._hammer.trouble or answer.status != 503:
            raise Unexpected(f"{register}: {operation.what} on {self._wire.port} answers {answer.brief()}")
        self._hammer.counts["answers 503"] += 1
        self._history.lose(operation, GRACE)
        return False

    def _manifest(self, tag: str) -> str:
        return f"/v2/{REPOSITORY}/manifests/{tag}"

    def _tag(self) -> str:
        return self._rng.choice(TAGS)

    def _blob(self) -> Blob:
        return self._rng.choice(BLOBS)

    def _new(self) -> Manifest:
        self._made += 1
        return image(CONFIG, [], mark=f"client {self._number} {self._made}")
