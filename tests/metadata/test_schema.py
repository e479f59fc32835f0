"""The migrations: up, down, the same as the models, and safe when several processes start at once."""

import re
import subprocess
import sys
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect
from sqlalchemy.pool import NullPool

import migrations
from registry.metadata import schema
from registry.metadata.models import metadata

RACE = """
import sys
from registry.metadata import schema
from registry.metadata.database import Database
schema.upgrade(sys.argv[1])
opened = Database.open(sys.argv[1])
opened.check()
opened.close()
"""


def tables(url: str) -> set[str]:
    engine = create_engine(url, poolclass=NullPool)
    names = set(inspect(engine).get_table_names())
    engine.dispose()
    return names


def test_head_is_the_newest_migration() -> None:
    scripts = ScriptDirectory(str(Path(migrations.__file__).parent))
    assert scripts.get_heads() == [schema.HEAD]


def test_an_empty_database_has_no_version(empty_url: str) -> None:
    assert schema.current(empty_url) is None


def test_up_again_and_down(empty_url: str) -> None:
    schema.upgrade(empty_url)
    schema.upgrade(empty_url)
    assert schema.current(empty_url) == schema.HEAD
    assert tables(empty_url) == {*metadata.tables, "alembic_version"}
    schema.downgrade(empty_url, "base")
    assert schema.current(empty_url) is None
    assert tables(empty_url) == {"alembic_version"}
    schema.upgrade(empty_url)
    assert schema.current(empty_url) == schema.HEAD


def test_models_and_migrations_agree(url: str) -> None:
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_migrated_sql_is_the_sql_of_the_models(tmp_path: Path) -> None:
    """What reflection does not see on SQLite: partial indexes, WITHOUT ROWID, checks, names of constraints."""
    migrated, made = (create_engine(f"sqlite:///{tmp_path}/{name}.db", poolclass=NullPool) for name in ("up", "all"))
    schema.upgrade(str(migrated.url))
    metadata.create_all(made)
    seen = []
    for engine in (migrated, made):
        with engine.connect() as connection:
            rows = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
            seen.append({name: _normal(sql) for name, sql in rows if name != "alembic_version"})
        engine.dispose()
    assert seen[0] == seen[1]


def _normal(sql: str) -> list[str]:
    """Its lines in order; SQLite writes the columns that were added later on the last one, beside the bracket."""
    text = re.sub(r"\)(\s*WITHOUT ROWID)?\s*$", r"\n)\n\1", re.sub(r"(?m)^, (?=\w+ )|(?<=L), (?=\w+ )", "\n", sql))
    return sorted(line.strip().rstrip(",") for line in text.splitlines() if line.strip())


def test_processes_that_start_at_once_on_a_new_database(empty_url: str) -> None:
    starts = [subprocess.Popen([sys.executable, "-c", RACE, empty_url], stderr=subprocess.PIPE) for _ in range(4)]
    for start in starts:
        _, errors = start.communicate(timeout=60)
        assert start.returncode == 0, errors.decode()
    assert schema.current(empty_url) == schema.HEAD
