"""What the clients asked for and what was answered: the test's own record, from which follows what may be found.

Rules:
1. A blob or manifest in a repository, and a tag, are each a register: its value is a digest, or ABSENT.
2. A write has a start and, once it is answered, an end. A write whose answer was lost ends with the server's death.
3. A write is superseded when an acknowledged write began after it had ended. The register may hold the value of
   any write that is not superseded, and no other value.
4. A refused write (4xx) leaves no trace. A 5xx counts as lost: it may or may not have been carried out.
5. One request is carried out whole or not at all, however many registers it writes.
6. What was once seen while nothing was written stays so: after a check the register holds just that value.
7. An upload session may be lost in a crash; the offset it answers is true, and never beyond what was sent.
"""

import threading
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.faults.content import Blob, Manifest

ABSENT = ""
BLOB, MANIFEST, TAG = "blob", "manifest", "tag"


class Key(NamedTuple):
    kind: str
    repository: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.repository} {self.name}"


@dataclass(eq=False)
class Attempt:
    """One request and the values it writes."""

    what: str
    effects: Mapping[Key, str]
    started: int
    ended: int | None = None
    acked: bool = False

    def line(self) -> str:
        return f"{'acked' if self.acked else 'lost'} [{self.started}..{self.ended}] {self.what}"


@dataclass(eq=False)
class Upload:
    """An upload session that the server opened; `sent` bounds what it may claim to hold."""

    owner: int
    repository: str
    blob: Blob
    location: str
    sent: int = 0
    offset: int = 0
    state: str = "open"


@dataclass
class Record:
    """Shared by all clients of a run; every method may be called from any thread."""

    blobs: dict[str, Blob] = field(default_factory=dict)
    manifests: dict[str, Manifest] = field(default_factory=dict)
    uploads: list[Upload] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    _clock: int = 0
    _writes: dict[str, dict[Key, list[Attempt]]] = field(default_factory=lambda: defaultdict(dict))
    _touched: set[Key] = field(default_factory=set)
    _lost: list[Attempt] = field(default_factory=list)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    # What clients tell.

    def begin(self, what: str, effects: Mapping[Key, str]) -> Attempt:
        with self._lock:
            attempt = Attempt(what, effects, self._tick())
            for key in effects:
                self._history(key).append(attempt)
                self._touched.add(key)
            return attempt

    def acked(self, attempt: Attempt) -> None:
        with self._lock:
            attempt.ended, attempt.acked = self._tick(), True

    def refused(self, attempt: Attempt) -> None:
        with self._lock:
            for key in attempt.effects:
                self._history(key).remove(attempt)

    def lost(self, attempt: Attempt) -> None:
        with self._lock:
            self._lost.append(attempt)

    def knows(self, *contents: Blob | Manifest) -> None:
        with self._lock:
            for content in contents:
                if isinstance(content, Blob):
                    self.blobs[content.digest] = content
                else:
                    self.manifests[content.digest] = content

    def opened(self, upload: Upload) -> Upload:
        with self._lock:
            self.uploads.append(upload)
            return upload

    def complain(self, text: str) -> None:
        with self._lock:
            self.complaints.append(text)

    def count(self, what: str) -> None:
        with self._lock:
            self.counts[what] += 1

    # What follows.

    def allowed(self, key: Key) -> set[str]:
        """The values the register may hold."""
        with self._lock:
            return {attempt.effects[key] for attempt in self._live(key)}

    def sure(self, repository: str, kind: str) -> dict[str, str]:
        """Name and value of each register of the repository that holds one certain value and is not absent."""
        with self._lock:
            found = {}
            for key in self._writes[repository]:
                if key.kind == kind and len(values := self.allowed(key)) == 1 and ABSENT not in values:
                    found[key.name] = values.pop()
            return found

    def doubtful(self, repository: str, digest: str) -> bool:
        """Whether some tag of the repository may, or may not, point at this manifest."""
        with self._lock:
            tags = [self.allowed(key) for key in self._writes[repository] if key.kind == TAG]
            return any(digest in values and len(values) > 1 for values in tags)

    def possible(self, repository: str) -> bool:
        """Whether the repository may hold anything at all."""
        with self._lock:
            return any(self.allowed(key) != {ABSENT} for key in self._writes[repository])

    def known(self, repository: str | None = None) -> list[Key]:
        with self._lock:
            chosen = list(self._writes) if repository is None else [repository]
            return [key for name in chosen for key in self._writes[name]]

    def repositories(self) -> list[str]:
        with self._lock:
            return [name for name, keys in self._writes.items() if keys]

    def story(self, key: Key) -> str:
        with self._lock:
            return "; ".join(attempt.line() for attempt in self._history(key))

    # What the harness and the oracle tell, while no client runs.

    def now(self) -> int:
        """This moment on the record's own clock."""
        with self._lock:
            return self._tick()

    def void_since(self, moment: int) -> int:
        """Answers that came after this moment prove nothing: their writes count as lost. How many those were."""
        with self._lock:
            late = {
                attempt
                for keys in self._writes.values()
                for history in keys.values()
                for attempt in history
                if attempt.acked and attempt.ended is not None and attempt.ended > moment
            }
            for attempt in late:
                attempt.acked, attempt.ended = False, None
            self._lost += late
            return len(late)

    def died(self) -> None:
        """The server is dead: what was lost can be carried out no more."""
        with self._lock:
            for attempt in self._lost:
                attempt.ended = attempt.ended or self._tick()

    def touched(self) -> list[Key]:
        """The registers written since they were last observed."""
        with self._lock:
            return sorted(self._touched)

    def halves(self, seen: Mapping[Key, str]) -> list[str]:
        """Lost requests of which one part was carried out and another not, judged by what was seen."""
        with self._lock:
            return [text for attempt in self._lost if (text := self._half(attempt, seen))]

    def observed(self, seen: Mapping[Key, str]) -> None:
        """The registers hold these values now, and keep them until the next write."""
        with self._lock:
            for key, value in seen.items():
                now = self._tick()
                self._writes[key.repository][key] = [Attempt("seen", {key: value}, now, now, acked=True)]
            self._touched -= seen.keys()
            self._lost = [attempt for attempt in self._lost if not attempt.effects.keys() <= seen.keys()]

    def _tick(self) -> int:
        self._clock += 1
        return self._clock

    def _history(self, key: Key) -> list[Attempt]:
        return self._writes[key.repository].setdefault(key, [Attempt("never written", {key: ABSENT}, 0, 0, acked=True)])

    def _live(self, key: Key) -> Iterable[Attempt]:
        history = self._history(key)
        newest = max(attempt.started for attempt in history if attempt.acked)
        return [attempt for attempt in history if attempt.ended is None or attempt.ended >= newest]

    def _half(self, attempt: Attempt, seen: Mapping[Key, str]) -> str:
        done: dict[bool, list[str]] = {True: [], False: []}
        for key, value in attempt.effects.items():
            live = [other for other in self._live(key) if other is not attempt]
            others = {other.effects[key] for other in live}
            # Only a register that nobody else has written since it began shows whether this request reached it.
            before = all(other.acked and other.ended is not None and other.ended < attempt.started for other in live)
            alone = attempt in self._live(key) and before and len(others) == 1
            if key in seen and alone and value not in others:
                done[seen[key] == value].append(str(key))
        if done[True] and done[False]:
            return f"half done: {attempt.what}: done {done[True]}, not done {done[False]}"
        return ""
