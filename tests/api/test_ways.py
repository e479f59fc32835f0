"""Route x identity x every way a request can be answered: by each of them the same identities are let in.

The ways are the registry's own: at once by the fast path, from what was kept by its bytes or by its meaning, in a task
without or with an exchange, and by lane. On PostgreSQL the first three are deferred.
"""

from __future__ import annotations

import asyncio
import http.client
import socket
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import cast

import pytest
import uvicorn

from registry.api.routes import BY_NAME, PATHS, ROUTES
from registry.auth.access import Target
from registry.transport.application import Deferred, Response
from registry.transport.head import Head
from registry.transport.service import Service
from tests.api.test_gate import MANIFEST, snapshot, target
from tests.application import OCI_MANIFEST, Registry, digest_of
from tests.databases import rows
from tests.identities import CHALLENGE, Users

pytestmark = pytest.mark.anyio

IDENTITIES = [*sorted(Users().known), b"nobody"]
CLIENT = ("127.0.0.1", 4000)
METHODS = [(route.name, method) for route in ROUTES for method in route.methods]
FAST = [(route.name, method) for route in ROUTES if route.fast for method in ("GET", "HEAD")]
BLOB, CONFIG = b"a blob", b"{}"


@asynccontextmanager
async def registry_of(root: Path, users: Users) -> AsyncIterator[Registry]:
    """One with an image, for these users; its own requests are the admin's."""
    async with Registry(root, identities=users) as registry:
        registry.http.headers["authorization"] = "admin"
        for data in (BLOB, CONFIG):
            await registry.push("team/app", data)
        assert (await registry.put("team/app", "latest", MANIFEST)).status_code == 201
        yield registry


def may(route: str, method: str, credentials: bytes) -> bool:
    """What the identity says itself."""
    user = Users().known.get(credentials)
    if user is None or user.expires <= time.time():
        return False
    path = PATHS.parse(target(route, method).partition("?")[0].encode())
    return user.allows(BY_NAME[route].methods[method][0], Target(BY_NAME[route].scope, path.name))


async def given(answer: Response | Deferred | None) -> Response | None:
    """The answer, also of one that comes later."""
    if not callable(answer):
        return answer
    coming: asyncio.Future[Response | None] = asyncio.get_running_loop().create_future()
    answer(coming.set_result)
    return await coming


def wire(route: str, method: str, credentials: bytes, *more: bytes) -> tuple[Head, bytes]:
    """A request, parsed and as it came."""
    headers = [(b"authorization", credentials)] if credentials else []
    headers += [(name, value) for name, _, value in (line.partition(b": ") for line in more)]
    path = target(route, method).encode()
    lines = b"".join(b"%b: %b\r\n" % header for header in headers)
    return Head(method.encode(), "1.1", path, headers), b"%b %b HTTP/1.1\r\n%b\r\n" % (method.encode(), path, lines)


@pytest.mark.parametrize("credentials", IDENTITIES)
@pytest.mark.parametrize(("route", "method"), METHODS)
async def test_by_a_handler(route: str, method: str, credentials: bytes, shared: Registry) -> None:
    """In a task with an exchange; those that may not have changed nothing, and learn nothing of what is there."""
    is_read = method in ("GET", "HEAD", "OPTIONS")
    before = None if is_read else snapshot(shared.root)
    body = MANIFEST if route == "manifest" else b"another"
    headers = {"authorization": credentials.decode(), "content-type": OCI_MANIFEST}
    if may(route, method, credentials):
        if is_read:
            answer = await shared.request(method, target(route, method), b"", headers)
            assert answer.status_code not in (401, 403)
        return
    answer = await shared.request(method, target(route, method), b"" if is_read else body, headers)
    knows = credentials in Users().known and credentials not in (b"", b"late")
    assert answer.status_code == (403 if knows else 401), answer.text
    assert answer.headers.get("www-authenticate") == (None if knows else CHALLENGE)
    assert before is None or snapshot(shared.root) == before


@pytest.mark.parametrize("credentials", IDENTITIES)
@pytest.mark.parametrize(("route", "method"), [(r, m) for r, m in METHODS if m in ("POST", "PUT", "PATCH")])
async def test_inline(route: str, method: str, credentials: bytes, shared: Registry) -> None:
    """In a task, without an exchange."""
    path, _, query = target(route, method).partition("?")
    body = MANIFEST if route == "manifest" else b"another"
    headers = [(b"authorization", credentials), (b"content-length", b"%d" % len(body)), (b"content-type", b"x/y")]
    scope = {
        "type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": query.encode(),
        "headers": headers, "client": CLIENT, "scheme": "http",
    }  # fmt: skip
    before = snapshot(shared.root)
    answer = await given(shared.app.inline(scope, body))
    assert answer is not None
    is_refused = answer[0].split()[1] in (b"401", b"403")
    assert is_refused != may(route, method, credentials)
    assert not is_refused or snapshot(shared.root) == before


async def test_handlers_run_in_a_task_whatever_the_size_of_the_body(tmp_path: Path) -> None:
    """So that what needs one, as `asyncio.timeout` does, works before a handler's first wait."""
    users = Users()
    async with registry_of(tmp_path / "root", users) as registry:
        scope = {
            "type": "http", "method": "POST", "path": "/v2/team/a/blobs/uploads/", "query_string": b"",
            "raw_path": b"/v2/team/a/blobs/uploads/", "headers": [(b"authorization", b"writer")], "client": CLIENT,
            "scheme": "http",
        }  # fmt: skip
        coming: asyncio.Future[Response | None] = asyncio.get_running_loop().create_future()

        def outside() -> None:
            answer = registry.app.inline(scope, b"")
            assert callable(answer)
            answer(coming.set_result)

        users.tasks.clear()
        asyncio.get_running_loop().call_soon(outside)  # as the transport calls it: in no task
        answer = await coming
        assert answer is not None
        assert b" 202 " in answer[0]
        assert None not in users.tasks
        assert users.tasks


@pytest.mark.parametrize("credentials", IDENTITIES)
@pytest.mark.parametrize(("route", "method"), FAST)
async def test_fast_and_kept(route: str, method: str, credentials: bytes, shared: Registry) -> None:
    """Both keys of what is kept: the bytes of the request, and what it depends on."""
    head, raw = wire(route, method, credentials)
    for user in (b"admin", b"reader"):  # what others were given is no answer for this one
        other, other_raw = wire(route, method, user)
        assert await given(shared.app.fast(other, CLIENT, other_raw)) is not None
    allowed = may(route, method, credentials)
    first = await given(shared.app.fast(head, CLIENT, raw))
    by_bytes = await given(shared.app.cached(raw, CLIENT))
    forwarded, forwarded_raw = wire(route, method, credentials, b"x-forwarded-for: 192.0.2.1")
    by_meaning = await given(shared.app.fast(forwarded, CLIENT, forwarded_raw))
    for answer in (first, by_bytes, by_meaning):
        assert (answer is not None) == allowed
        assert answer is None or answer[0].startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("revoked", [True, False])
@pytest.mark.parametrize(("route", "method"), FAST)
async def test_no_answer_outlives_its_grant(route: str, method: str, revoked: bool, tmp_path: Path) -> None:
    """The reader's rights are taken away, or its token ends: what was kept for it is kept for nobody."""
    users = Users()
    async with registry_of(tmp_path / "root", users) as registry:
        reader = users.known[b"reader"]
        head, raw = wire(route, method, b"reader")
        forwarded, forwarded_raw = wire(route, method, b"reader", b"x-forwarded-for: 192.0.2.1")
        reader.expires = time.time() + (60 if revoked else 0.5)
        assert await given(registry.app.fast(head, CLIENT, raw)) is not None
        assert await given(registry.app.cached(raw, CLIENT)) is not None
        assert await given(registry.app.fast(forwarded, CLIENT, forwarded_raw)) is not None
        if revoked:
            reader.may = lambda action, target: False
            registry.app.gate.revoke("reader")
        else:
            await asyncio.sleep(0.6)
        for kept in (raw, forwarded_raw):
            assert await given(registry.app.cached(kept, CLIENT)) is None
        for asked, whole in ((head, raw), (forwarded, forwarded_raw)):
            assert await given(registry.app.fast(asked, CLIENT, whole)) is None
        answer = await registry.request(method, target(route, method), headers={"authorization": "reader"})
        assert answer.status_code == (403 if revoked else 401)


@asynccontextmanager
async def listening(registry: Registry) -> AsyncIterator[int]:
    """It is served on this port."""
    protocol = cast("type[asyncio.Protocol]", Service(registry.app).protocol)
    config = uvicorn.Config(registry.app.serve, http=protocol, lifespan="off", log_config=None)
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(config)
    running = asyncio.create_task(server._serve([listener]))
    while not server.started:
        await asyncio.sleep(0.01)
    yield listener.getsockname()[1]
    server.should_exit = True
    await running


@pytest.mark.parametrize("credentials", IDENTITIES)
async def test_by_lane(credentials: bytes, shared: Registry) -> None:
    """Bodies past the event loop, up and down: who may not has none of them received, and is sent none."""
    layer = credentials.ljust(10) * 200_000
    digest = digest_of(layer)
    path = f"/v2/team/app/blobs/{digest}"
    upload = (await shared.start("team/app")) + f"?digest={digest}"
    async with listening(shared) as port:

        def asked(method: str, path: str, body: bytes | None, user: bytes) -> tuple[int, bytes]:
            with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
                connection.request(method, path, body, {"authorization": user.decode()})
                answer = connection.getresponse()
                return answer.status, answer.read()

        def over_the_wire(
            method: str, path: str, user: bytes, body: bytes | None = None
        ) -> Awaitable[tuple[int, bytes]]:
            return asyncio.get_running_loop().run_in_executor(None, asked, method, path, body, user)

        status, _ = await over_the_wire("PUT", upload, credentials, layer)
        assert (status in (401, 403)) != may("upload", "PUT", credentials)
        if status != 201:
            assert (await over_the_wire("HEAD", path, b"admin"))[0] == 404
            assert (await over_the_wire("PUT", upload, b"admin", layer))[0] == 201
        status, body = await over_the_wire("GET", path, credentials)
        assert (status in (401, 403)) != may("blob", "GET", credentials)
        assert (body == layer) == (status == 200)


@pytest.mark.parametrize(
    ("credentials", "source", "status"),
    [
        (b"writer", "team/app", 201),
        (b"writer", None, 202),  # of all repositories it may not read each
        (b"blind", "team/app", 202),
        (b"admin", "team/app", 201),
        (b"admin", None, 201),
    ],
)
async def test_a_mount_asks_for_its_second_grant(
    credentials: bytes, source: str | None, status: int, shared: Registry
) -> None:
    where = "" if source is None else f"&from={source}"
    path = f"/v2/team/{credentials.decode()}-{status}-{source is None}".lower()
    answer = await shared.request(
        "POST",
        f"{path}/blobs/uploads/?mount={digest_of(BLOB)}{where}",
        headers={"authorization": credentials.decode()},
    )
    assert answer.status_code == status, answer.text


async def test_the_actor_is_in_what_is_written(shared: Registry) -> None:
    headers = {"authorization": "writer", "x-request-id": "request-of-the-writer"}
    digest = digest_of(b"the writer's")
    uploads = f"/v2/team/of-the-writer/blobs/uploads/?digest={digest}"
    assert (await shared.request("POST", uploads, b"the writer's", headers)).status_code == 201
    found = rows(shared.config.database.url, "select actor, request_id from events where digest = ?", digest)
    assert found == [("writer", "request-of-the-writer")]


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Registry]:
    async with registry_of(tmp_path_factory.mktemp("ways") / "root", Users()) as registry:
        yield registry
