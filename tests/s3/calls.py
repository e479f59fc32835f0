"""S3 requests by the names that the S3 API gives them, and what can go wrong with one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit


class Call(NamedTuple):
    """One request; `number` counts the calls of its operation from 1, over all connections."""

    operation: str
    number: int
    method: str
    target: str

    @property
    def key(self) -> str:
        """The object it names, or nothing."""
        return unquote(urlsplit(self.target).path).strip("/").partition("/")[2]


class Way(StrEnum):
    """How a request fails, as its client sees it."""

    ERROR = "error"  # an answer that says so
    RESET = "reset"  # the connection is reset without an answer
    HOLD = "hold"  # no answer ever comes
    SLOW = "slow"  # the answer comes late and in small pieces
    TRUNCATE = "truncate"  # the connection ends in the middle of the answer
    CUT = "cut"  # the connection is reset in the middle of the request


@dataclass(frozen=True)
class Fault:
    """`late`: the server has carried it out before it fails. `seconds` bound a hold, and delay a slow answer."""

    way: Way
    late: bool = False
    status: int = 500
    code: str = "InternalError"
    seconds: float = 30.0

    def __str__(self) -> str:
        what = f"{self.status} {self.code}" if self.way is Way.ERROR else self.way.value
        return f"{what}, late" if self.late else what


INTERNAL = Fault(Way.ERROR)
SLOW_DOWN = Fault(Way.ERROR, status=503, code="SlowDown")
RESET = Fault(Way.RESET)
HOLD = Fault(Way.HOLD)
SLOW = Fault(Way.SLOW, seconds=0.3)
TRUNCATE = Fault(Way.TRUNCATE)
CUT = Fault(Way.CUT)
LATE_INTERNAL = replace(INTERNAL, late=True)
LATE_RESET = replace(RESET, late=True)
LATE_HOLD = replace(HOLD, late=True)
EVERY_FAULT = (INTERNAL, SLOW_DOWN, RESET, HOLD, SLOW, TRUNCATE, CUT, LATE_INTERNAL, LATE_RESET, LATE_HOLD)

# Chooses what happens to a call; None lets it pass.
Plan = Callable[[Call], Fault | None]


def calm(call: Call) -> None:
    """Every call passes."""


def operation(method: str, target: str, headers: Mapping[str, str]) -> str:
    """The operation's name, of a path-style request; headers have lower-case names."""
    parts = urlsplit(target)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    has_key = "/" in parts.path.strip("/")
    if "uploadId" in query:
        if method == "PUT":
            return "UploadPartCopy" if "x-amz-copy-source" in headers else "UploadPart"
        return {"POST": "CompleteMultipartUpload", "DELETE": "AbortMultipartUpload", "GET": "ListParts"}[method]
    if method == "POST":
        return "CreateMultipartUpload" if "uploads" in query else "DeleteObjects"
    if has_key and method == "PUT" and "x-amz-copy-source" in headers:
        return "CopyObject"
    noun = "Object" if has_key else "Bucket"
    if method == "GET" and not has_key:
        return _listing(query)
    return {"GET": "Get", "HEAD": "Head", "PUT": "Put" if has_key else "Create", "DELETE": "Delete"}[method] + noun


def _listing(query: Mapping[str, str]) -> str:
    if "uploads" in query:
        return "ListMultipartUploads"
    if "location" in query:
        return "GetBucketLocation"
    return "ListObjectsV2" if query.get("list-type") == "2" else "ListObjects"
