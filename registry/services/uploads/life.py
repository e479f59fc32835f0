"""The life of an upload session, as a table.

    state        bytes                                  goes on to
    new          none                                   buffered, partial, publishing, gone
    buffered     in memory, few                         partial, publishing, gone
    partial      in a partial file, or in a row         publishing, gone
    publishing   on their way to a blob                 gone; after a failure where they came from
    gone         none: nothing is done with it again

Rules:
1. One request at a time changes a session, over all workers and replicas (ownership.py); a second is refused.
2. A request looks whether its client is still there when it has the session, not before (Actor.check_here).
3. What an answer says the session holds, every worker can find: in the machine's memory, its partial file, its row.
4. Bytes are appended only where the request says the session stands: by its Content-Range, or else by its Location.
5. A row is written late, and never waits for the disk: a crash may lose a session, never an acknowledged blob.
"""

from __future__ import annotations

from enum import Enum


class Life(Enum):
    """See the module."""

    NEW = "new"
    BUFFERED = "buffered"
    PARTIAL = "partial"
    PUBLISHING = "publishing"
    GONE = "gone"


NEXT: dict[Life, frozenset[Life]] = {
    Life.NEW: frozenset((Life.BUFFERED, Life.PARTIAL, Life.PUBLISHING, Life.GONE)),
    Life.BUFFERED: frozenset((Life.PARTIAL, Life.PUBLISHING, Life.GONE)),
    Life.PARTIAL: frozenset((Life.PUBLISHING, Life.GONE)),
    Life.PUBLISHING: frozenset((Life.NEW, Life.BUFFERED, Life.PARTIAL, Life.GONE)),
    Life.GONE: frozenset(),
}


class IllegalStep(Exception):
    """A session was to go where the table does not lead: a defect."""


def step(now: Life, then: Life) -> Life:
    """Raises IllegalStep unless the table leads there; staying is no step."""
    if now is not then and then not in NEXT[now]:
        raise IllegalStep(f"an upload session that is {now.value} does not become {then.value}")
    return then
