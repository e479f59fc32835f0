"""The one gate: every route declares what it requires, and a request without it is refused before anything happens."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry.api.routes import BY_NAME, PATHS, ROUTES
from registry.auth.access import GRANTS, Action, Scope
from registry.metadata.models import metadata
from tests.application import Registry, digest_of, error_code, image
from tests.databases import database_of, rows

pytestmark = pytest.mark.anyio

BLOB, CONFIG = b"a blob", b"{}"
MANIFEST = image(CONFIG, [BLOB])
METHODS = [(route.name, method) for route in ROUTES for method in route.methods]


def target(route: str, method: str, upload: str = "0" * 32) -> str:
    """A request that would succeed, but for the gate."""
    return {
        "root": "/",
        "healthz": "/healthz",
        "readyz": "/readyz",
        "metrics": "/metrics",
        "base": "/v2/",
        "catalog": "/v2/_catalog",
        "folder": "/v2/_entrepot/storage/folder",
        "tags": "/v2/team/app/tags/list",
        "referrers": f"/v2/team/app/referrers/{digest_of(MANIFEST)}",
        "manifest": "/v2/team/app/manifests/" + ("new" if method == "PUT" else "latest"),
        "blob": f"/v2/team/app/blobs/{digest_of(BLOB)}",
        "uploads": f"/v2/team/app/blobs/uploads/?digest={digest_of(b'another')}",
        "upload": f"/v2/team/app/blobs/uploads/{upload}?digest={digest_of(b'another')}",
    }[route]


async def filled(root: Path) -> tuple[str, str]:
    """Something to refuse: an image and two upload sessions, one written to; their locations."""
    async with Registry(root) as registry:
        for data in (BLOB, CONFIG):
            await registry.push("team/app", data)
        assert (await registry.put("team/app", "latest", MANIFEST)).status_code == 201
        fresh, begun = await registry.start("team/app"), await registry.start("team/app")
        assert (await registry.request("PATCH", begun, b"ano")).status_code == 202
        return fresh, begun


def snapshot(root: Path) -> tuple[dict[str, list[str]], dict[str, bytes]]:
    """Everything in the database and in the storage."""
    url = database_of(root)
    content = {table: sorted(map(repr, rows(url, f"select * from {table}"))) for table in metadata.tables}
    files = {str(path): path.read_bytes() for path in (root / "storage").rglob("*") if path.is_file()}
    return content, files


def test_every_method_of_every_route_requires_an_action() -> None:
    assert len(BY_NAME) == len(ROUTES)
    for route in ROUTES:
        assert route.methods, route
        for method, (action, handler) in route.methods.items():
            assert isinstance(action, Action), (route.name, method)
            assert callable(handler)


def test_what_changes_something_is_never_open_nor_a_read() -> None:
    needed = {"POST": {Action.PUSH}, "PATCH": {Action.PUSH}, "PUT": {Action.PUSH}}
    reads = {Action.PULL, Action.CATALOG}
    for route in ROUTES:
        for method, (action, _) in route.methods.items():
            if route.scope is Scope.SYSTEM and route.name != "folder":
                assert action is Action.OPEN
            elif route.name == "upload":
                assert action is Action.PUSH
            elif method == "DELETE":
                assert action is Action.DELETE
            else:
                assert action in needed.get(method, reads), (route.name, method)


@pytest.mark.parametrize(("route", "method"), METHODS)
def test_the_matrix_asks_each_route(route: str, method: str) -> None:
    assert PATHS.parse(target(route, method).partition("?")[0].encode()).route == route


@pytest.mark.parametrize("level", GRANTS)
async def test_the_matrix(level: str, tmp_path: Path) -> None:
    """Refused requests first, so that what they did would show."""
    root = tmp_path / "root"
    fresh, begun = await filled(root)
    granted: list[tuple[str, str]] = []
    refused: list[tuple[str, str]] = []
    for route, method in METHODS:
        action = BY_NAME[route].methods[method][0]
        (granted if action in GRANTS[level] else refused).append((route, method))
    async with Registry(root, {"access.anonymous": level}) as registry:
        before = snapshot(root)
        for route, method in refused:
            path = target(route, method, begun.rpartition("/")[2])
            answer = await registry.request(method, path, MANIFEST, {"content-type": "text/plain"})
            assert answer.status_code == 403, (route, method)
            assert method == "HEAD" or error_code(answer) == "DENIED", (route, method)
        assert snapshot(root) == before
        for route, method in granted:
            path = target(route, method, fresh.rpartition("/")[2])
            body = MANIFEST if route == "manifest" else b"another"
            type_of = {"content-type": "application/vnd.oci.image.manifest.v1+json"} if route == "manifest" else {}
            answer = await registry.request(method, path, body if method[0] == "P" else b"", type_of)
            assert answer.status_code != 403, (route, method)
            assert answer.status_code < 500, (route, method)


@pytest.mark.parametrize("level", ["pull", "push"])
async def test_a_refusal_says_no_more_of_what_is_there_than_of_what_is_not(level: str, tmp_path: Path) -> None:
    root = tmp_path / "root"
    await filled(root)
    async with Registry(root, {"access.anonymous": level}) as registry:
        for kind, there in (("blobs", digest_of(BLOB)), ("manifests", "latest")):
            answers = [
                await registry.request("DELETE", f"/v2/{name}/{kind}/{there}") for name in ("team/app", "never/was")
            ]
            assert {(answer.status_code, answer.content) for answer in answers} == {(403, answers[0].content)}


async def test_methods_that_a_route_does_not_have(registry: Registry) -> None:
    for route in ROUTES:
        for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "MOVE"):
            if method not in route.methods:
                answer = await registry.request(method, target(route.name, method))
                assert answer.status_code == 405, (route.name, method)
                assert answer.headers["allow"] == ", ".join(route.methods)
