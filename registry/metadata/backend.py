"""What a kind of database has to bring: connections, transactions, and the meaning of its errors."""

from typing import Protocol

from sqlalchemy import Dialect
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.pool import PoolProxiedConnection

from registry.metadata.errors import DatabaseError


class Backend(Protocol):
    """One kind of database, at one URL. Everything that is only true of that kind is behind this."""

    inline_reads: bool
    """Whether an indexed read is so short that it may run on the event loop's own thread."""

    generation: str
    """A query whose answer on one connection differs when another connection has committed in between; or ""."""

    @property
    def dialect(self) -> Dialect:
        """The dialect that statements are compiled for."""

    def connect(self, *, writer: bool) -> PoolProxiedConnection:
        """A new connection in autocommit; one that is not for the writer refuses to write."""

    def begin(self, cursor: DBAPICursor, *, durable: bool) -> None:
        """Begin a transaction that may write, whose commit waits for the disk or does not."""

    def translate(self, error: BaseException) -> DatabaseError | None:
        """A new error of ours for one that comes from outside this program; None for any other."""

    def committed(self, writes: int) -> None:
        """Take note of this many writes committed; called when their callers have been answered."""

    def close(self) -> None:
        """Stop what runs in the background."""
