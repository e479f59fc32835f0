"""One sequential client of the registry: requests with their record, and the ways to push a blob."""

import random
import time
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import quote

from tests.faults.content import MANIFEST_TYPES, Blob, Manifest, matches
from tests.faults.oracle import add_query, content_range, offset_of
from tests.faults.record import BLOB, MANIFEST, TAG, Key, Record, Upload
from tests.faults.wire import Answer, Cut, Wire

# Says what is wrong with a 5xx or 429 answer; nothing when such an answer is expected here.
Judge = Callable[[Answer], str]


def never(answer: Answer) -> str:
    """No 5xx is expected."""
    return f"answered {answer.brief()}"


def is_trouble(answer: Answer) -> bool:
    """Whether it is an answer that a client gets in some tests and must never get in others."""
    return answer.status >= 500 or answer.status == 429


# What a step of a session may answer when the session, or the end of it, went with a crash.
GONE_OR_BACK = (404, 416)


class Client:
    """Each method is one use of the API, and keeps the record true; raises Cut when an answer is lost.

    `lossy`: sessions may be lost, or go back to what was written down of them, while the client is at work.
    """

    lossy = False

    def __init__(self, number: int, wire: Wire, record: Record, rng: random.Random, judge: Judge = never) -> None:
        self.number = number
        self.wire = wire
        self.record = record
        self.rng = rng
        self._judge = judge

    # Requests.

    def ask(
        self,
        method: str,
        target: str,
        body: bytes | Iterator[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        expected: tuple[int, ...] = (200,),
    ) -> Answer:
        """A request that writes no register."""
        answer = self.wire.ask(method, target, body, headers)
        if is_trouble(answer):
            self._judged(method, target, answer)
        elif answer.status not in expected:
            self.record.complain(f"{method} {target} answers {answer.brief()}, expected {expected}")
        return answer

    def write(
        self,
        effects: Mapping[Key, str],
        method: str,
        target: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        acked: int = 201,
        expected: tuple[int, ...] = (),
    ) -> Answer:
        """A request that writes these registers when it answers `acked`."""
        attempt = self.record.begin(f"{method} {target}", effects)
        try:
            answer = self.wire.ask(method, target, body, headers)
        except Cut:
            self.record.lost(attempt)
            raise
        if answer.status == acked:
            self.record.acked(attempt)
        elif answer.status >= 500:
            self.record.lost(attempt)
            self._judged(method, target, answer)
        else:
            self.record.refused(attempt)
            if is_trouble(answer):
                self._judged(method, target, answer)
            elif answer.status not in expected:
                self.record.complain(f"{method} {target} answers {answer.brief()}, expected {acked} or {expected}")
        return answer

    def _judged(self, method: str, target: str, answer: Answer) -> None:
        self.record.count(f"answers {answer.status}")
        # The answer to a HEAD has no body that could say why.
        wrong = self._judge(answer) if method != "HEAD" else "" if answer.status == 503 else answer.brief()
        if wrong:
            self.record.complain(f"{method} {target}: {wrong}")

    # Uploads.

    def open_upload(self, repository: str, blob: Blob) -> Upload | None:
        query = "" if blob.algorithm == "sha256" else f"?digest-algorithm={blob.algorithm}"
        answer = self.ask("POST", f"/v2/{repository}/blobs/uploads/{query}", expected=(202,))
        return self._opened(repository, blob, answer)

    def _opened(self, repository: str, blob: Blob, answer: Answer) -> Upload | None:
        self.record.knows(blob)
        if answer.status != 202:
            return None
        return self.record.opened(Upload(self.number, repository, blob, answer.location))

    def patch(self, upload: Upload, end: int, *, ranged: bool = True, pieces: int = 0, pause: float = 0.0) -> bool:
        """Send the bytes up to `end`; in a chunked body of some pieces with pauses between when `pieces` is given."""
        data = upload.blob.data[upload.offset : end]
        headers = content_range(upload.offset, end) if ranged else {"Content-Type": "application/octet-stream"}
        upload.sent = max(upload.sent, end)
        body = _in_pieces(data, pieces, pause) if pieces else data
        answer = self.ask("PATCH", upload.location, body, headers, expected=(202, *self._losses()))
        if answer.status != 202:
            return self._lost(answer)
        if offset_of(answer) != end:
            self.record.complain(f"PATCH {upload.location} up to {end} answers Range {answer.headers['range']}")
        upload.offset, upload.location = end, answer.location
        return True

    def close_upload(self, upload: Upload, *, ranged: bool = True) -> bool:
        """The closing PUT with whatever is not sent yet."""
        data = upload.blob.data[upload.offset :]
        headers = content_range(upload.offset, upload.blob.size) if ranged and data else {}
        upload.sent, upload.state = upload.blob.size, "closing"
        key = Key(BLOB, upload.repository, upload.blob.digest)
        target = add_query(upload.location, digest=upload.blob.digest)
        # A session that went back to an earlier offset lacks bytes that are not sent again.
        losses = (400, *self._losses()) if self.lossy else ()
        answer = self.write({key: upload.blob.digest}, "PUT", target, data, headers, expected=losses)
        if answer.status != 201:
            return self._lost(answer)
        upload.state = "closed"
        return True

    def cancel(self, upload: Upload) -> None:
        upload.state = "cancelling"
        if self.ask("DELETE", upload.location, expected=(204, *self._losses())).status == 204:
            upload.state = "cancelled"

    def _losses(self) -> tuple[int, ...]:
        return GONE_OR_BACK if self.lossy else ()

    def _lost(self, answer: Answer) -> bool:
        if answer.status < 429:
            self.record.count("sessions lost")
        return False

    def resume(self, upload: Upload) -> bool:
        """Ask where the session stands, and go on from there."""
        answer = self.ask("GET", upload.location, expected=(204, 404))
        if answer.status != 204:
            if answer.status == 404:
                upload.state = "gone"
            return False
        if (offset := offset_of(answer)) > upload.sent:
            self.record.complain(f"{upload.location} claims {offset} bytes, {upload.sent} were sent")
        upload.offset, upload.location = offset, answer.location
        middle = self.rng.randint(offset, upload.blob.size)
        # A session that holds one byte answers `0-0`, as one that holds none does.
        if middle > max(offset, 1) and not self.patch(upload, middle):
            return False
        self.record.count("resumed")
        return self.close_upload(upload)

    # Whole blobs, in each shape.

    def single_post(self, repository: str, blob: Blob) -> bool:
        self.record.knows(blob)
        effects = {Key(BLOB, repository, blob.digest): blob.digest}
        target = f"/v2/{repository}/blobs/uploads/?digest={blob.digest}"
        headers = {"Content-Type": "application/octet-stream"}
        return self.write(effects, "POST", target, blob.data, headers).status == 201

    def post_put(self, repository: str, blob: Blob) -> bool:
        upload = self.open_upload(repository, blob)
        return upload is not None and self.close_upload(upload, ranged=False)

    def chunks(self, repository: str, blob: Blob) -> bool:
        """POST, some PATCHes with ranges, and a PUT with or without the last bytes."""
        upload = self.open_upload(repository, blob)
        if upload is None:
            return False
        ends = sorted(self.rng.randint(2, max(2, blob.size)) for _ in range(self.rng.randint(1, 3)))
        if self.rng.random() < 0.5:
            ends.append(blob.size)
        for end in dict.fromkeys(ends):
            if upload.offset < end <= blob.size and not self.patch(upload, end, ranged=self.rng.random() < 0.8):
                return False
        return self.close_upload(upload)

    def streamed(self, repository: str, blob: Blob) -> bool:
        """POST, one PATCH with a chunked body and no range, and an empty PUT."""
        upload = self.open_upload(repository, blob)
        pieces, pause = self.rng.randint(1, 8), self.rng.choice([0.0, 0.0, 0.01, 0.03])
        if upload is None or not self.patch(upload, blob.size, ranged=False, pieces=pieces, pause=pause):
            return False
        return self.close_upload(upload)

    def mount(self, repository: str, blob: Blob, source: str) -> bool:
        """Mount from the source; a registry that cannot answers with a session, which is used."""
        self.record.knows(blob)
        effects = {Key(BLOB, repository, blob.digest): blob.digest}
        target = f"/v2/{repository}/blobs/uploads/?mount={blob.digest}&from={quote(source, safe='')}"
        answer = self.write(effects, "POST", target, expected=(202,))
        if answer.status == 201:
            return True
        upload = self._opened(repository, blob, answer)
        return upload is not None and self.close_upload(upload)

    # Manifests and tags.

    def put_manifest(
        self, repository: str, manifest: Manifest, tags: tuple[str, ...] = (), *, by_digest: bool = False
    ) -> bool:
        """By its one tag, or by digest with the tags as parameters."""
        self.record.knows(manifest)
        effects = {Key(TAG, repository, tag): manifest.digest for tag in tags}
        effects[Key(MANIFEST, repository, manifest.digest)] = manifest.digest
        target = f"/v2/{repository}/manifests/" + (manifest.digest if by_digest else tags[0])
        if by_digest and tags:
            target += "?" + "&".join(f"tag={tag}" for tag in tags)
        answer = self.write(effects, "PUT", target, manifest.payload, {"Content-Type": manifest.media_type})
        return answer.status == 201

    def move_tag(
        self, repository: str, manifest: Manifest, tag: str, conditions: Mapping[str, str], *, may_lose: bool
    ) -> bool:
        """PUT under the tag with If-Match or If-None-Match; where others write too, it may be refused with 412."""
        effects = {Key(TAG, repository, tag): manifest.digest}
        effects[Key(MANIFEST, repository, manifest.digest)] = manifest.digest
        headers = {"Content-Type": manifest.media_type, **conditions}
        target = f"/v2/{repository}/manifests/{tag}"
        return (
            self.write(effects, "PUT", target, manifest.payload, headers, expected=(412,) if may_lose else ()).status
            == 201
        )

    def delete(self, key: Key, also: Mapping[Key, str], *, may_miss: bool = False) -> bool:
        """Delete what the key names; `also` are the registers that go with it."""
        noun = "blobs" if key.kind == BLOB else "manifests"
        target = f"/v2/{key.repository}/{noun}/{key.name}"
        expected = (404,) if may_miss else ()
        return self.write({key: "", **also}, "DELETE", target, acked=202, expected=expected).status == 202

    def read_back(self, key: Key, value: str) -> None:
        """A pull of what is certain to be there, on whichever worker answers."""
        noun = "blobs" if key.kind == BLOB else "manifests"
        target = f"/v2/{key.repository}/{noun}/{key.name}"
        answer = self.ask("GET", target, headers={"Accept": MANIFEST_TYPES})
        if answer.status == 200 and not matches(answer.body, value):
            self.record.complain(f"GET {target} answers {len(answer.body)} bytes that are not {value}")


def _in_pieces(data: bytes, pieces: int, pause: float) -> Iterator[bytes]:
    # Two bytes at least, see `resume`.
    size = max(2, -(-len(data) // pieces))
    for start in range(0, len(data), size):
        if pause:
            time.sleep(pause)
        yield data[start : start + size]
