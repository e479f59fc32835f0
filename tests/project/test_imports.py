"""Imports point one way: each room lists what it may import of the project; nothing else, and nothing hidden."""

import pytest

from tests.project.source import PACKAGES, Import, imports, is_in, modules

# A room may import itself and what stands behind it. The longest name that fits a module is its room.
MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "storage": (),
    "registry": (),
    "registry.oci": ("storage",),
    "registry.client": ("storage", "registry.oci"),
    "registry.config": (),
    "registry.telemetry": (),
    "registry.transport": ("registry.telemetry",),
    "registry.cores": ("storage",),
    "registry.metadata": ("storage", "registry.oci", "registry.cores"),
    "registry.auth": ("storage", "registry.oci", "registry.metadata"),
    "registry.services": ("storage", "registry.oci", "registry.metadata", "registry.auth", "registry.telemetry"),
    "registry.api": (
        "storage",
        "registry.oci",
        "registry.metadata",
        "registry.auth",
        "registry.services",
        "registry.telemetry",
        "registry.transport",
    ),
    "registry.moving": ("storage", "registry.metadata"),
    "registry.held": ("registry.config",),
    "registry.storage_marker": ("storage", "registry.config", "registry.held", "registry.metadata"),
    "registry.background": ("storage", "registry.metadata", "registry.services", "registry.config"),
    "registry.app": (
        "storage",
        "registry.background",
        "registry.cores",
        "registry.storage_marker",
        "registry.oci",
        "registry.metadata",
        "registry.auth",
        "registry.services",
        "registry.api",
        "registry.telemetry",
        "registry.transport",
        "registry.config",
    ),
    "registry.descriptors": (),
    "registry.supervisor": ("registry.cores",),
    "registry.server": (
        "registry.cores",
        "registry.app",
        "registry.held",
        "registry.storage_marker",
        "registry.descriptors",
        "registry.supervisor",
        "registry.config",
        "registry.telemetry",
        "registry.transport",
    ),
    "registry.cli": (
        "storage",
        "registry.held",
        "registry.storage_marker",
        "registry.moving",
        "registry.app",
        "registry.server",
        "registry.config",
        "registry.metadata",
        "registry.telemetry",
        "registry.transport",
    ),
    "migrations": ("registry.metadata.models",),
    "runtime": (),
    "runtime.module_archive": (),
    "runtime.syscall": (),
    "runtime.cgroups": ("runtime.syscall",),
    "runtime.executor": (
        "runtime.syscall",
        "runtime.cgroups",
        "runtime.module_archive",
    ),  # nothing of the engine: it is a program of its own
    "runtime.bundle": ("registry.oci", "runtime.syscall.capability_names"),
    "runtime.snapshots": ("storage", "registry.oci", "runtime.syscall"),
    "runtime.images": ("storage", "registry.oci", "registry.client", "runtime.snapshots"),
    "runtime.network": ("runtime.syscall",),
    "runtime.volumes": ("runtime.syscall",),
    "runtime.engine": (
        "storage",
        "registry.oci",
        "registry.client",
        "runtime.syscall",
        "runtime.cgroups",
        "runtime.executor",
        "runtime.bundle",
        "runtime.snapshots",
        "runtime.images",
        "runtime.network",
        "runtime.volumes",
        "runtime.module_archive",
    ),
    "runtime.cli": (
        "storage",
        "registry.oci",
        "registry.client",
        "runtime.bundle",
        "runtime.snapshots",
        "runtime.images",
        "runtime.network",
        "runtime.volumes",
        "runtime.engine",
        "runtime.module_archive",
    ),
}

# What besides may be loaded by name, when it is asked for.
MAY_LOAD: dict[str, tuple[str, ...]] = {"runtime.cli": ("registry.cli",)}  # the one command, for the server's verbs

# Who alone may import a library.
ONLY_IN: dict[str, tuple[str, ...]] = {
    "sqlalchemy": ("registry.metadata", "migrations"),
    "alembic": ("registry.metadata", "migrations"),
    "psycopg": ("registry.metadata",),
    "boto3": ("storage.drivers.s3",),
    "botocore": ("storage.drivers.s3",),
    "cryptography": ("registry.auth",),
    "urllib3": ("registry.client", "runtime.images", "storage.drivers.s3"),
    "click": ("registry.cli", "runtime.cli"),
    "prometheus_client": ("registry.telemetry",),
    "uvicorn": ("registry.transport", "registry.app", "registry.server"),
}

# Pure rooms do not touch the network, processes, or the event loop.
PURE = ("registry.oci", "registry.config")
IMPURE = ("socket", "asyncio", "subprocess", "threading", "multiprocessing", "http", "urllib.request")


def room(module: str) -> str:
    """The room a module stands in."""
    return max((name for name in MAY_IMPORT if is_in(module, name)), key=len)


def of_the_project() -> list[Import]:
    """The imports between the project's own modules."""
    return [found for found in imports() if found.imported.partition(".")[0] in PACKAGES]


def allowed_to(found: Import) -> tuple[str, ...]:
    """The rooms that its importer may use in this way."""
    importer = room(found.importer)
    return MAY_IMPORT[importer] + (MAY_LOAD.get(importer, ()) if found.by_name else ())


def where(found: Import) -> str:
    """How a failure names an import."""
    return f"{modules()[found.importer]}:{found.line} imports {found.imported}"


def test_the_reader_of_imports_sees_them() -> None:
    assert any(found.imported == "registry.config" for found in of_the_project() if found.importer == "registry.app")
    assert any(found.imported == "click" for found in imports() if found.importer == "registry.cli.command")
    named = {(found.importer, found.imported) for found in imports() if found.by_name}
    assert ("registry.metadata.database", "registry.metadata.postgres.backend") in named  # in a table
    assert ("runtime.images.images", "storage.content") in named  # in a call


def test_imports_point_one_way() -> None:
    wrong = [
        where(found)
        for found in of_the_project()
        if room(found.importer) != room(found.imported)
        and not any(is_in(found.imported, allowed) for allowed in allowed_to(found))
    ]
    assert wrong == []


def test_no_project_import_is_hidden_in_a_function() -> None:
    assert [where(found) for found in of_the_project() if found.hidden] == []


def test_there_are_no_cycles() -> None:
    graph: dict[str, set[str]] = {name: set() for name in modules()}
    for found in of_the_project():
        if not (found.typing or found.by_name) and found.importer != found.imported:
            graph[found.importer].add(found.imported)
    assert cycle(graph) == []


def cycle(graph: dict[str, set[str]]) -> list[str]:
    """Return the modules that are in or behind a cycle: what remains when leaves are taken away again and again."""
    left = {name: set(imported) & graph.keys() for name, imported in graph.items()}
    while leaves := {name for name, imported in left.items() if not imported & left.keys()}:
        left = {name: imported for name, imported in left.items() if name not in leaves}
    return sorted(left)


def test_a_cycle_would_be_seen() -> None:
    assert cycle({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": set()}) == ["a", "b", "c"]


@pytest.mark.parametrize("library", ONLY_IN)
def test_a_library_stays_in_its_room(library: str) -> None:
    wrong = [
        where(found)
        for found in imports()
        if is_in(found.imported, library) and not any(is_in(found.importer, allowed) for allowed in ONLY_IN[library])
    ]
    assert wrong == []


def test_pure_rooms_do_no_input_or_output() -> None:
    wrong = [
        where(found)
        for found in imports()
        if any(is_in(found.importer, name) for name in PURE) and any(is_in(found.imported, name) for name in IMPURE)
    ]
    assert wrong == []


def test_no_room_is_called_by_nothing() -> None:
    names = {part for module in modules() for part in module.split(".")}
    assert names & {"utils", "util", "helpers", "helper", "common", "misc", "manager"} == set()
