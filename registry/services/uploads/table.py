"""The upload sessions that this worker knows, and their rows: looked up, written down, counted."""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import Callable, Iterator

from registry.metadata import uploads
from registry.metadata.clock import now_ms
from registry.metadata.database import Database, Session
from registry.metadata.uploads import Ending, UploadRow
from registry.services.actor import Actor
from registry.services.uploads.life import Life
from registry.services.uploads.locations import Place
from registry.services.uploads.session import (
    YOUNG_MS,
    UploadSession,
    busy,
    is_of_another_boot,
    is_young,
    made_at,
    unknown,
)

LOOK_SECONDS = 0.05
"""Between two looks for a row."""

WRITTEN_MS = 2_000
"""Age at which a session has been written down by a worker of another machine, unless that is dead."""

FORGET_ENDS_MS = 6 * YOUNG_MS
"""After which it is forgotten that a session ended young."""

SLACK = 4
"""Sessions of a client are counted in the transaction that opens one from this part of the bound on."""

UNCOUNTED = 64
"""Of a client, at most, that each worker opens without; by so many, until they are written down, others may exceed."""


class SessionTable:
    """`shared`: other workers serve the sessions too. `local`: their files tell how far they are, not their rows.

    `holds` says whether bytes of the session are where this worker can see them, without a row; `buffered`, how many of
    them are in memory, where they are gone as soon as it ends.
    """

    def __init__(
        self,
        database: Database,
        holds: Callable[[UploadSession], bool],
        buffered: Callable[[UploadSession], int],
        *,
        shared: bool,
        local: bool,
    ) -> None:
        self._database = database
        self._holds = holds
        self._buffered = buffered
        self._shared = shared
        self._local = local
        self._known: dict[str, UploadSession] = {}
        self._unstored: Counter[str] = Counter()
        self._counted: Counter[str] = Counter()
        """Sessions in rows, by client, as they were counted since the last `recount`."""
        self._ends, self._forgot_ends_at = False, 0
        """Whether there may be ends to forget, and when that was done last."""
        self.worker = secrets.token_hex(8)
        """Owns leases."""
        self.lease_ms: Callable[[], int] | None = None
        """How long a lease is good, where sessions are leased."""

    def __iter__(self) -> Iterator[UploadSession]:
        return iter(list(self._known.values()))  # a copy, as it changes meanwhile

    # What this worker knows

    def add(self, session: UploadSession) -> UploadSession:
        """Know a session that has no row."""
        self._known[session.id] = session
        self._unstored[session.row.client] += 1
        return session

    def knows(self, session: UploadSession) -> bool:
        return self._known.get(session.id) is session

    def of_row(self, row: UploadRow) -> UploadSession:
        """The session of a row, as this worker knows it or as the row says."""
        return self._known.setdefault(row.id, UploadSession.stored(row, local=self._local))

    def may_be_stored(self, session: UploadSession) -> bool:
        """Whether to write it down: not when it is ending, nor while its bytes are where others cannot see them."""
        buffered = session.life is Life.BUFFERED and self._shared
        return self.knows(session) and session.life is not Life.PUBLISHING and not buffered

    def ending(self, session: UploadSession) -> Ending | None:
        """What its end changes in the database."""
        tell = self._shared and is_young(session.id)
        self._ends = self._ends or tell
        return Ending(session.id, session.in_rows, tell) if tell or session.in_rows else None

    def drop(self, session: UploadSession) -> None:
        """It is over, or not this worker's to know; its row, if there is one, is not touched."""
        if self._known.get(session.id) is session:
            del self._known[session.id]
            if not session.in_rows:
                self._stored(session)
        session.leased = False

    # Finding

    async def find(
        self, repository: str, place: Place, actor: Actor, *, to_write: bool = False, whole: bool = False
    ) -> UploadSession:
        """The session as it is now. Raises BlobUploadUnknown.

        `to_write` leaves to the lease what others have done; `whole`: the request brings all bytes there are.
        """
        session = self._known.get(place.id)
        if session is None and self._shared and place.signed and place.offset and is_young(place.id):
            believed = UploadSession.opened(repository, place.algorithm, actor, place.id)
            if self._buffered(believed):  # so it is not over, and has no row that says more
                session = self.add(believed)
        if session is None or self._is_to_be_looked_up(session, to_write=to_write, whole=whole):
            session = await self._look_up(repository, place, actor)
        if session.row.repository != repository or session.row.principal != actor.principal:
            raise unknown(repository, place.id)
        return session

    def _is_to_be_looked_up(self, session: UploadSession, *, to_write: bool, whole: bool) -> bool:
        if not self._shared or session.busy:
            return False
        if session.in_rows:
            return not (to_write and self.lease_ms is not None)
        return not (whole and session.life is Life.NEW) and not self._buffered(session)

    async def _look_up(self, repository: str, place: Place, actor: Actor) -> UploadSession:
        session = self._known.get(place.id)
        had_row = session is not None and session.has_row
        row, ended = await self._database.read(lambda s: uploads.look(s, place.id, repository))
        session = self._known.get(place.id)  # again: requests that came at once must not each have one of their own
        if ended or (row is None and had_row):
            self._known.pop(place.id, None)
            raise unknown(repository, place.id)
        if row is None:
            return session if session is not None else await self._believed(repository, place, actor)
        if self._local and is_of_another_boot(row):
            self._known.pop(place.id, None)
            raise unknown(repository, place.id)
        if session is None or (self._has_moved(session, row) and not session.busy):
            if session is not None:
                self.drop(session)
            session = self._known[place.id] = UploadSession.stored(row, local=self._local)
        return session

    async def check_not_over(self, session: UploadSession) -> None:
        """Raises BlobUploadUnknown when another worker has ended it meanwhile."""
        if self._shared:
            _, ended = await self._database.read(lambda s: uploads.look(s, session.id, session.row.repository))
            if ended:
                self.drop(session)
                raise session.unknown()

    def _has_moved(self, session: UploadSession, row: UploadRow) -> bool:
        if not session.in_rows:
            return True  # another worker has written it down, as it is about to write to its partial file
        return row.offset != session.offset if self._local else row.state != session.written

    async def _believed(self, repository: str, place: Place, actor: Actor) -> UploadSession:
        """A young session of another worker's, of which its Location tells; with bytes it must be seen, too."""
        if place.signed and self._shared and is_young(place.id):
            session = UploadSession.opened(repository, place.algorithm, actor, place.id)
            if not place.offset or self._holds(session):
                return self._known.get(place.id) or self.add(session)
            # Its bytes are in the memory of another machine, which is about to write it down.
            if self._local and now_ms() - made_at(place.id) < WRITTEN_MS:
                await asyncio.sleep(LOOK_SECONDS)
                return await self._look_up(repository, place, actor)
        raise unknown(repository, place.id)

    async def row(self, session: UploadSession) -> UploadRow | None:
        return await self._database.read(lambda s: uploads.find(s, session.id, session.row.repository))

    async def expired(self, before: int, limit: int) -> list[UploadRow]:
        return await self._database.read(lambda s: uploads.expired(s, before, limit))

    # Counting

    async def has_room(self, client: str, most: int) -> bool:
        """Whether the client has few sessions, those of other workers as of the last `recount`."""
        if client not in self._counted:
            self._counted[client] = await self._database.read(lambda s: uploads.count_for(s, client))
        return self._counted[client] + self._unstored[client] < min(most // SLACK, UNCOUNTED)

    async def open_counted(self, session: UploadSession, most: int, idle_before: int) -> list[UploadRow] | None:
        """Write the new session down if its client has room; None then. Or else the oldest of the idle ones in its way.

        Exact: counted in the transaction, with what this worker had not written down of that client.
        """
        client, row = session.row.client, session.as_row()
        await self.store(
            [one for one in self if one.row.client == client and not one.in_rows and self.may_be_stored(one)]
        )

        def write(s: Session) -> list[UploadRow] | None:
            over = uploads.count_for(s, client) + 1 - most
            if over > 0:
                return uploads.oldest_of(s, client, idle_before, over)
            uploads.create(s, row, self.worker)
            return None

        found = await self._database.write(write, durable=False)
        if found is None:
            self._known[session.id] = session
            session.in_rows, session.has_row, session.dirty, session.written = True, True, False, row.state
            self._counted.pop(client, None)
        return found

    def recount(self) -> None:
        """Count again from now on. Other workers' sessions are not known before they are written down anyway."""
        self._counted.clear()

    # Writing down

    async def drop_ended(self) -> None:
        """Forget the sessions that other workers have ended before they were written down."""
        young = [one for one in self._known.values() if not one.in_rows and not one.busy] if self._shared else []
        if young:
            ended = await self._database.read(lambda s: uploads.ended_among(s, [one.id for one in young]))
            for session in young:
                if session.id in ended and not session.busy:
                    self.drop(session)

    async def settle(self, session: UploadSession) -> None:
        """Write it down when others know of it, or could see its file, or when its state is all there is."""
        if (self._shared or not self._local) and (session.in_rows or session.life is Life.PARTIAL):
            await self.store([session])

    async def announce(self, session: UploadSession) -> None:
        """Write it down before something that may take long: others must be able to tell of it."""
        if (self._shared or not self._local) and not session.in_rows and self.knows(session):
            await self.store([session])

    async def store(self, sessions: list[UploadSession]) -> None:
        """Their rows, as they are now. Leases end with that, but for new sessions. Raises TooManyRequests.

        Sessions that another worker has ended are dropped.
        """
        rows = [self._as_written(session) for session in sessions]
        if not rows:
            return
        new_ids = [row.id for _, new, row in rows if new] if self._shared else []

        def write(s: Session) -> tuple[list[str], set[str]]:
            lost = []
            ended = uploads.ended_among(s, new_ids) if new_ids else set()
            for _, new, row in rows:
                if new and row.id not in ended:
                    uploads.create(s, row, self.worker)
                elif not new and not uploads.advance(s, row.id, row.offset, row.state, row.updated_at, row.owner):
                    lost.append(row.id)
            return lost, ended

        try:
            lost, ended = await self._database.write(write, durable=False)
        except BaseException:
            for session, new, _ in rows:
                self._unwritten(session, new)
            raise
        for session, _, row in rows:
            session.written, session.has_row = row.state, True
            if row.id in ended:
                self.drop(session)
        gone = [session for session, _, row in rows if row.owner and row.id in lost]
        for session in gone:
            self.drop(session)
        if gone:
            raise busy()

    def _as_written(self, session: UploadSession) -> tuple[UploadSession, bool, UploadRow]:
        """A session, whether it is new to the rows, and its row; from now on it is taken as written down."""
        new, row = not session.in_rows, session.as_row()
        session.dirty = False
        if new:
            self._stored(session)
            if self.lease_ms is not None:
                session.leased, session.leased_until = session.busy, now_ms() + self.lease_ms()
        if session.leased:
            row = row._replace(owner=self.worker, leased_until=session.leased_until)
        session.leased = session.leased and new
        return session, new, row

    def _stored(self, session: UploadSession) -> None:
        session.in_rows = True
        client = session.row.client
        if client in self._counted:
            self._counted[client] += 1
        self._unstored[client] -= 1
        if self._unstored[client] <= 0:
            del self._unstored[client]

    def _unwritten(self, session: UploadSession, new: bool) -> None:
        if not new and self.lease_ms is not None:
            self.drop(session)
            return
        session.dirty = True
        session.leased = False
        if new:
            session.in_rows = False
            self._unstored[session.row.client] += 1

    async def forget(self, session: UploadSession, *, durable: bool = False) -> None:
        """It is over; its row goes, `durable` where the answer says so."""
        ending = self.ending(session)
        self.drop(session)
        if ending is not None:
            await self._database.write(lambda s: uploads.end(s, ending), durable=durable)

    async def forget_ends(self) -> None:
        """Now and then, forget which sessions ended young, those that are young no more."""
        now = now_ms()
        if self._ends and now - self._forgot_ends_at > FORGET_ENDS_MS:
            self._ends, self._forgot_ends_at = False, now
            before = f"{now - FORGET_ENDS_MS:011x}"
            await self._database.write(lambda s: uploads.forget_ends(s, before), durable=False)
