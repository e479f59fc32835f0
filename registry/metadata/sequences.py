"""The ids that a database has given out: none is given twice, also where its row is gone, as cursors stand on them."""

from collections.abc import Mapping

from sqlalchemy import bindparam, column, delete, func, insert, select, table

from registry.metadata import models
from registry.metadata.session import Session
from registry.metadata.statement import Statement, named

_NUMBERED = (
    models.repositories,
    models.blobs,
    models.manifests,
    models.deleted_manifests,
    models.tag_history,
    models.events,
    models.jobs,
)
_HIGHEST = {each.name: Statement(select(func.max(each.c.id))) for each in _NUMBERED}
_KEPT = [each.name for each in _NUMBERED if each.dialect_options["sqlite"]["autoincrement"]]
"""Those of which SQLite keeps the last id; of the others the next is one more than the highest that is there."""

_sequence = table("sqlite_sequence", column("name"), column("seq"))
_NAME = _sequence.c.name == bindparam("name")
_GIVEN = Statement(select(_sequence.c.seq).where(_NAME))
_FORGET = Statement(delete(_sequence).where(_NAME))
_KEEP = Statement(insert(_sequence).values(named(("name", "seq"))))


def last_ids(s: Session) -> dict[str, int]:
    """By table, the last id that was given or is there; 0 where there is none."""
    return {name: max(_given(s, name), _highest(s, name)) for name in _HIGHEST}


def continue_after(s: Session, ids: Mapping[str, int]) -> None:
    """Have the next id of each table be greater than this, and than all that were given here."""
    for name, here in last_ids(s).items():
        last = max(here, ids[name])
        if not last:
            continue
        if s.dialect.name == "postgresql":
            s.sql(f"SELECT setval({_of(name)}, {last})")
        elif name in _KEPT:
            s.run(_FORGET, name=name)
            s.run(_KEEP, name=name, seq=last)


def _highest(s: Session, name: str) -> int:
    row = s.one(_HIGHEST[name])
    return 0 if row is None or row[0] is None else int(row[0])


def _given(s: Session, name: str) -> int:
    if s.dialect.name == "postgresql":
        [(last,)] = s.sql(f"SELECT pg_sequence_last_value({_of(name)})")
        return int(last or 0)
    row = s.one(_GIVEN, name=name)
    return 0 if row is None else int(row[0])


def _of(name: str) -> str:
    return f"pg_get_serial_sequence('{name}', 'id')::regclass"
