"""Holds a running registry, and a stored folder, against the record; every difference is one line of text."""

import json
import random
import time
from collections import Counter
from collections.abc import Container, Iterable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

from tests.faults.content import MANIFEST_TYPES, digest_of, matches
from tests.faults.record import ABSENT, BLOB, MANIFEST, TAG, Key, Record, Upload
from tests.faults.wire import Answer, Wire

# A session whose writer died is free after so long, at the latest.
LEASE_SECONDS = 20.0


class Oracle:
    """Asks one server for what the record says; no client may run meanwhile."""

    def __init__(self, record: Record, wire: Wire) -> None:
        self._record = record
        self._wire = wire

    def check(self, keys: Iterable[Key]) -> list[str]:
        """Look at these registers and at the lists of their repositories, and settle the record on what is seen."""
        problems, seen = self._registers(keys)
        for repository in sorted({key.repository for key in seen}):
            problems += self._tags(repository)
            problems += self._referrers(repository)
        return problems + self._catalog()

    def check_touched(self, also: int, rng: random.Random) -> list[str]:
        """Look at all that was written since the last look, and at a sample of the rest."""
        touched = self._record.touched()
        rest = sorted(set(self._record.known()) - set(touched))
        return self.check([*touched, *rng.sample(rest, min(also, len(rest)))])

    def check_all(self) -> list[str]:
        return self.check(sorted(self._record.known()))

    def check_uploads(self, chosen: Iterable[Upload]) -> list[str]:
        """Ask each session for its offset; a session that still lives is resumed there and closed."""
        return [
            f"upload {urlsplit(upload.location).path}, {upload.sent} of {upload.blob.size} sent: {problem}"
            for upload in chosen
            for problem in self._resume(upload)
        ]

    def _registers(self, keys: Iterable[Key]) -> tuple[list[str], dict[Key, str]]:
        problems: list[str] = []
        seen: dict[Key, str] = {}
        for key in keys:
            found = self._see(key)
            if isinstance(found, Problem):
                problems.append(f"{key}: {found}; the record: {self._record.story(key)}")
                continue
            if found not in self._record.allowed(key):
                problems.append(f"{key}: {self._wrong(found, key)}; the record: {self._record.story(key)}")
            seen[key] = found
        problems += self._record.halves(seen)
        self._record.observed(seen)
        return problems, seen

    def _see(self, key: Key) -> "str | Problem":
        """The value the register shows, when all its answers agree and are byte-exact."""
        noun = "blobs" if key.kind == BLOB else "manifests"
        target = f"/v2/{key.repository}/{noun}/{key.name}"
        accept = {"Accept": MANIFEST_TYPES}
        got = self._wire.ask("GET", target, headers=accept)
        head = self._wire.ask("HEAD", target, headers=accept)
        if got.status != head.status:
            return Problem(f"GET answers {got.brief()}, HEAD answers {head.status}")
        if got.status == 404:
            return ABSENT
        if got.status != 200:
            return Problem(f"GET answers {got.brief()}")
        names = [*(value for value in self._record.allowed(key) if value), got.headers.get("docker-content-digest", "")]
        digest = next((name for name in names if ":" in name and matches(got.body, name)), "")
        if key.kind != TAG and not matches(got.body, key.name):
            digest = ""
        if not digest:
            return Problem(f"GET answers {len(got.body)} bytes that are {digest_of(got.body)}")
        return self._headers(key, digest, got, head) or digest

    def _headers(self, key: Key, digest: str, got: Answer, head: Answer) -> "Problem | None":
        for answer in (got, head):
            if answer.headers.get("content-length") != str(len(got.body)):
                return Problem(f"Content-Length {answer.headers.get('content-length')} for {len(got.body)} bytes")
            if not matches(got.body, answer.headers.get("docker-content-digest", "sha256:")):
                return Problem(f"Docker-Content-Digest {answer.headers.get('docker-content-digest')} for {digest}")
            manifest = self._record.manifests.get(digest)
            if key.kind != BLOB and manifest and answer.headers.get("content-type") != manifest.media_type:
                return Problem(f"Content-Type {answer.headers.get('content-type')}, pushed as {manifest.media_type}")
        return None

    def _wrong(self, found: str, key: Key) -> str:
        allowed = sorted(value or "nothing" for value in self._record.allowed(key))
        if found == ABSENT:
            return f"lost, it must be {' or '.join(allowed)}"
        return f"found {found}, it must be {' or '.join(allowed)}"

    def _tags(self, repository: str) -> list[str]:
        """tags/list agrees with the tags themselves: the whole list, and page by page."""
        want = sorted(self._record.sure(repository, TAG))
        problems = []
        for query in ("", "?n=7"):
            names: list[str] = []
            target = f"/v2/{repository}/tags/list{query}"
            for answer in self._pages(target):
                if answer.status == 404 and not self._record.possible(repository):
                    continue
                if answer.status != 200:
                    return [f"GET {target} answers {answer.brief()}"]
                names += _names(answer, "tags")
            problems += _differences(f"GET {target}", names, want)
        return problems

    def _referrers(self, repository: str) -> list[str]:
        manifests = self._record.manifests
        held = self._record.sure(repository, MANIFEST)
        problems = []
        for subject in sorted({manifests[name].subject for name in held if manifests[name].subject}):
            target = f"/v2/{repository}/referrers/{subject}"
            names: list[str] = []
            for answer in self._pages(target):
                if answer.status != 200:
                    return [f"GET {target} answers {answer.brief()}"]
                names += _names(answer, "manifests")
            want = [name for name in held if manifests[name].subject == subject]
            problems += _differences(f"GET {target}", sorted(names), sorted(want))
        return problems

    def _catalog(self) -> list[str]:
        names: list[str] = []
        for answer in self._pages("/v2/_catalog?n=50"):
            if answer.status != 200:
                return [f"GET /v2/_catalog answers {answer.brief()}"]
            names += _names(answer, "repositories")
        known = self._record.repositories()
        want = [name for name in known if self._record.sure(name, MANIFEST) or self._record.sure(name, BLOB)]
        problems = [f"_catalog does not list {name}" for name in want if name not in names]
        problems += [f"_catalog lists {name}, which nobody pushed" for name in names if name not in known]
        if names != sorted(set(names)):
            problems.append(f"_catalog is not in order or repeats itself: {names}")
        return problems

    def _pages(self, target: str) -> Iterator[Answer]:
        for _ in range(1000):
            answer = self._wire.ask("GET", target)
            yield answer
            link = answer.headers.get("link", "")
            if answer.status != 200 or not link:
                return
            parts = urlsplit(link.partition("<")[2].partition(">")[0])
            target = f"{parts.path}?{parts.query}"
        raise AssertionError(f"the pages of {target} never end")

    def _resume(self, upload: Upload) -> list[str]:
        record, wire = self._record, self._wire
        status = wire.ask("GET", upload.location)
        if status.status == 404:
            record.count(f"upload {upload.state} gone")
            upload.state = "gone"
            return []
        if status.status != 204:
            return [f"{upload.state}, GET answers {status.brief()}"]
        if upload.state not in {"open", "closing", "cancelling"}:
            return [f"{upload.state}, yet GET answers {status.brief()}"]
        record.count(f"upload {upload.state} resumed")
        offset = offset_of(status)
        if offset > upload.sent:
            return [f"claims {offset} bytes, {upload.sent} were sent"]
        key = Key(BLOB, upload.repository, upload.blob.digest)
        target = add_query(status.location, digest=upload.blob.digest)
        attempt = record.begin(f"PUT {target} resumed at {offset}", {key: upload.blob.digest})
        answer = self._closed(target, upload.blob.data[offset:], content_range(offset, upload.blob.size))
        upload.state = "closed"
        if answer.status != 201:
            record.refused(attempt)
            return [f"claims {offset} bytes; closed with the rest it answers {answer.brief()}"]
        record.acked(attempt)
        return self._registers([key])[0]

    def _closed(self, target: str, data: bytes, headers: dict[str, str]) -> Answer:
        """The answer to the closing request, when the lease of a writer that died has lapsed."""
        deadline = time.monotonic() + LEASE_SECONDS
        while True:
            answer = self._wire.ask("PUT", target, data, headers)
            if answer.status != 429 or time.monotonic() > deadline:
                return answer
            self._record.count("waited for a dead writer's lease")
            time.sleep(0.5)


class Problem(str):
    """What is wrong with an answer."""

    __slots__ = ()


def offset_of(answer: Answer) -> int:
    """The number of bytes a session says it holds; `0-0` is the customary way to say none."""
    end = int(answer.headers["range"].removeprefix("bytes=").partition("-")[2])
    return end + 1 if end > 0 else 0


def content_range(offset: int, size: int) -> dict[str, str]:
    """Headers for a chunk from offset up to size."""
    headers = {"Content-Type": "application/octet-stream"}
    return headers | ({"Content-Range": f"{offset}-{size - 1}"} if size > offset else {})


def add_query(location: str, **parameters: str) -> str:
    parts = urlsplit(location)
    query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()} | parameters
    return f"{parts.path}?{urlencode(query, safe=':')}"


def damaged_files(root: Path, but: Container[str] = ()) -> list[str]:
    """Published blob files whose bytes are not what their path says; `but` names digests to pass over."""
    problems = []
    for path in root.glob("**/docker/registry/v2/blobs/*/??/*/data"):
        digest = f"{path.parts[-4]}:{path.parts[-2]}"
        content = path.read_bytes()
        if digest not in but and not matches(content, digest):
            problems.append(f"{path}: {len(content)} bytes that are not {digest}")
    return problems


def _names(answer: Answer, field: str) -> list[str]:
    found = json.loads(answer.body)[field] or []
    return [item["digest"] if isinstance(item, dict) else str(item) for item in found]


def _differences(what: str, names: list[str], want: list[str]) -> list[str]:
    problems = [f"{what} does not list {name}" for name in want if name not in names]
    problems += [f"{what} lists {name}, which is not there" for name in names if name not in want]
    problems += [f"{what} lists {name} {count} times" for name, count in Counter(names).items() if count > 1]
    if not problems and names != want:
        problems.append(f"{what} is not in order: {names}")
    return problems
