"""Work to be done every so often, by the process that leases it.

A job is free when no one holds it or when its lease has lapsed, and due when its time has come. `finish`, `fail` and
`renew` answer False to an owner that has lost its lease: what it did must then not be counted. A time that is further
ahead than is plausible was written by a clock that was wrong, and is not waited for.
"""

from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy import bindparam, literal_column, select, update

from registry.metadata.models import IS_RECURRING, jobs
from registry.metadata.session import Session
from registry.metadata.statement import ONE, Statement, insert_into, limited


class JobRow(NamedTuple):
    """A job as its owner sees it."""

    id: int
    kind: str
    every_ms: int
    run_at: int
    attempts: int
    error: str


_NOBODY: sa.ColumnElement[str] = literal_column("''")
_ZERO: sa.ColumnElement[int] = literal_column("0")
_IS_FREE = (
    (jobs.c.owner == _NOBODY) | (jobs.c.leased_until <= bindparam("at")) | (jobs.c.leased_until > bindparam("farthest"))
)
_OWN = (jobs.c.id == bindparam("job_id")) & (jobs.c.owner == bindparam("holder"))
_FREED = {"owner": _NOBODY, "leased_until": _ZERO}

_ENSURE = Statement(
    lambda dialect: (
        insert_into(dialect, jobs)
        .values(kind=bindparam("kind"), payload=_NOBODY, every_ms=bindparam("every_ms"), run_at=bindparam("at"))
        .on_conflict_do_update(
            index_elements=["kind"],
            index_where=IS_RECURRING,
            set_={
                "every_ms": bindparam("every_ms"),
                "run_at": sa.case((jobs.c.run_at > bindparam("latest"), bindparam("latest")), else_=jobs.c.run_at),
            },
        )
    )
)
_NEXT = Statement(
    limited(
        select(*(jobs.c[name] for name in JobRow._fields))
        .where(jobs.c.kind == bindparam("kind"), jobs.c.run_at <= bindparam("at"), _IS_FREE)
        .order_by(jobs.c.run_at),
        ONE,
    )
)
_TAKE = Statement(
    update(jobs)
    .where(jobs.c.id == bindparam("job_id"), jobs.c.run_at <= bindparam("at"), _IS_FREE)
    .values(owner=bindparam("holder"), leased_until=bindparam("until"), attempts=jobs.c.attempts + ONE)
)
_RECURRING = Statement(
    select(jobs.c.run_at, jobs.c.owner, jobs.c.leased_until, jobs.c.every_ms).where(
        jobs.c.kind == bindparam("kind"), jobs.c.every_ms.is_not(None)
    )
)
_RENEW = Statement(update(jobs).where(_OWN).values(leased_until=bindparam("until")))
_AGAIN = Statement(
    update(jobs).where(_OWN).values(run_at=bindparam("next_run_at"), attempts=_ZERO, error=_NOBODY, **_FREED)
)
_RELEASE = Statement(update(jobs).where(jobs.c.owner == bindparam("holder")).values(**_FREED))
_FAIL = Statement(update(jobs).where(_OWN).values(run_at=bindparam("retry_at"), error=bindparam("why"), **_FREED))


def ensure(s: Session, kind: str, every_ms: int, at: int) -> None:
    """Have one recurring job of this kind, first due at this time; an existing one takes the new interval."""
    s.defer(_ENSURE, kind=kind, every_ms=every_ms, at=at, latest=at + every_ms)


def may_lease(s: Session, kind: str, every_ms: int, at: int, lease_ms: int) -> bool:
    """Whether `ensure` and `lease` would do anything: for a look that writes nothing."""
    row = s.one(_RECURRING, kind=kind)
    if row is None:
        return True
    run_at, owner, leased_until, kept = row
    is_due = run_at <= at or run_at > at + every_ms or kept != every_ms
    return is_due and (not owner or leased_until <= at or leased_until > at + 2 * lease_ms)


def lease(s: Session, kind: str, owner: str, at: int, lease_ms: int) -> JobRow | None:
    """Take the job of this kind that has been due longest and is free, or None."""
    farthest = at + 2 * lease_ms
    row = s.one(_NEXT, kind=kind, at=at, farthest=farthest)
    if row is None or not s.run(_TAKE, job_id=row[0], at=at, farthest=farthest, holder=owner, until=at + lease_ms):
        return None
    found = JobRow._make(row)
    return found._replace(attempts=found.attempts + 1)


def renew(s: Session, id: int, owner: str, until: int) -> bool:
    """Hold the job until then; False when the lease was lost."""
    return s.run(_RENEW, job_id=id, holder=owner, until=until) > 0


def finish(s: Session, id: int, owner: str, next_run_at: int) -> bool:
    """Free the job until its next time; False when the lease was lost."""
    return s.run(_AGAIN, job_id=id, holder=owner, next_run_at=next_run_at) > 0


def fail(s: Session, id: int, owner: str, error: str, retry_at: int) -> bool:
    """Free the job to be tried again at this time, with what went wrong; False when the lease was lost."""
    return s.run(_FAIL, job_id=id, holder=owner, why=error, retry_at=retry_at) > 0


def release(s: Session, owner: str) -> int:
    """Free every job this owner holds, as due as it was; how many."""
    return s.run(_RELEASE, holder=owner)
