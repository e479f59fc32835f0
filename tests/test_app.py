"""The application as it is put together from a configuration."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from registry.api import fast_path
from registry.transport.application import Refusal
from registry.transport.head import Head
from tests.application import Registry, digest_of, error_code

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def asked(target: bytes, *headers: tuple[bytes, bytes]) -> Head:
    return Head(b"GET", "1.1", target, list(headers))


def fast(registry: Registry, target: str, *headers: tuple[bytes, bytes]) -> tuple[bytes, bytes] | None:
    answer = registry.app.fast(asked(target.encode(), *headers), ("127.0.0.1", 1), b"")
    assert not callable(answer)  # of an index that answers in place
    return answer


@pytest.mark.parametrize("driver", ["filesystem", "memory"])
async def test_a_push_is_a_pull(tmp_path: Path, driver: str) -> None:
    async with Registry(tmp_path / "root", {"storage.driver": driver}) as registry:
        payload = await registry.push_image("team/app", "latest")
        assert (await registry.get("/v2/team/app/manifests/latest")).content == payload
        for layer in json.loads(payload)["layers"]:
            assert len((await registry.get(f"/v2/team/app/blobs/{layer['digest']}")).content) == layer["size"]


async def test_the_fast_path_answers_as_the_handlers_do(tmp_path: Path) -> None:
    async with Registry(tmp_path / "root") as registry:
        payload = await registry.push_image("app", "latest")
        for target, body in (
            ("/v2/app/manifests/latest", payload),
            (f"/v2/app/manifests/{digest_of(payload)}", payload),
            (f"/v2/app/blobs/{digest_of(b'a layer of all')}", b"a layer of all"),
        ):
            made = fast(registry, target)
            assert made is not None
            whole = b"".join(made)
            assert whole.endswith(b"\r\n\r\n" + body)
            slow = await registry.get(target)
            fields = (line.split(b": ", 1) for line in whole.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:])
            said = {name.lower(): value for name, value in fields}
            for name, value in slow.headers.items():
                if name != "x-request-id":
                    assert said[name.encode()].decode() == value, (target, name)
        missing = fast(registry, "/v2/app/manifests/missing")
        assert missing is not None
        slow = await registry.get("/v2/app/manifests/missing")
        assert missing[0] == b"HTTP/1.1 404 Not Found\r\n"
        assert missing[1].endswith(b"\r\n\r\n" + slow.content)
        for target in ("/v2/app/tags/list", "/v2/UPPER/manifests/x", "/v2/", "/healthz"):
            assert fast(registry, target) is None
        for header in (b"if-match", b"if-none-match", b"range", b"content-length"):
            assert fast(registry, "/v2/app/manifests/latest", (header, b"x")) is None


async def test_elsewhere_errors_have_the_same_form(tmp_path: Path) -> None:
    async with Registry(tmp_path / "root") as registry:
        for method, target, status in (
            ("GET", "/nothing", 404),
            ("GET", "/v3/", 404),
            ("POST", "/healthz", 405),
        ):
            answer = await registry.request(method, target)
            assert (answer.status_code, error_code(answer)) == (status, "UNSUPPORTED")


@pytest.mark.parametrize(("status", "code"), [(400, "UNSUPPORTED"), (408, "SIZE_INVALID"), (503, "UNAVAILABLE")])
async def test_the_transports_refusals_have_it_too(tmp_path: Path, status: int, code: str) -> None:
    async with Registry(tmp_path / "root") as registry:
        headers, body = registry.app.refused(Refusal(status, "a sentence", ("127.0.0.1", 1)))
        assert json.loads(body) == {"errors": [{"code": code, "message": "a sentence"}]}
        assert [name for name, _ in headers] == [b"content-type", b"x-request-id"]


async def test_cors(tmp_path: Path) -> None:
    origin = {"origin": "https://ui.example"}
    async with Registry(tmp_path / "with", {"cors.allow_origins": origin["origin"]}) as registry:
        answer = await registry.request("GET", "/v2/", headers=origin)
        assert answer.headers["access-control-allow-origin"] == origin["origin"]
        assert "docker-content-digest" in answer.headers["access-control-expose-headers"].lower()
        other = await registry.request("GET", "/v2/", headers={"origin": "https://evil.example"})
        assert "access-control-allow-origin" not in other.headers
    async with Registry(tmp_path / "without") as registry:
        answer = await registry.request("GET", "/v2/", headers=origin)
        assert "access-control-allow-origin" not in answer.headers


async def test_every_answer_says_the_version_and_the_request(tmp_path: Path) -> None:
    async with Registry(tmp_path / "root") as registry:
        for target in ("/v2/", "/v2/_catalog", "/v2/never/tags/list", "/v2/UPPER/tags/list"):
            answer = await registry.get(target, x_request_id="mine-12345")
            assert answer.headers["docker-distribution-api-version"] == "registry/2.0"
            assert answer.headers["x-request-id"] == "mine-12345"
        for bad in ("x", "a" * 65, "with space"):
            assert (await registry.get("/v2/", x_request_id=bad)).headers["x-request-id"] != bad


async def test_its_work_starts_and_stops(tmp_path: Path) -> None:
    async with Registry(tmp_path / "root") as registry:
        registry.app.start()
        await registry.push("app", b"x")
    assert (tmp_path / "root" / "entrepot.db").exists()


async def test_a_kept_answer_is_as_fresh_as_a_read(tmp_path: Path) -> None:
    async with Registry(tmp_path / "root") as registry, Registry(tmp_path / "root") as other:
        app, client = registry.app, ("127.0.0.1", 1)
        request = b"GET /v2/app/manifests/latest HTTP/1.1\r\nhost: x\r\n\r\n"
        first = await registry.push_image("app", "latest", "first")
        assert app.cached(request, client) is None
        found = app.fast(asked(b"/v2/app/manifests/latest", (b"host", b"x")), client, request)
        again = app.cached(request, client)
        assert isinstance(found, tuple)
        assert isinstance(again, tuple)
        assert again[1].endswith(first)
        ids = [answer[1].partition(b"X-Request-Id: ")[2].partition(b"\r\n")[0] for answer in (found, again)]
        assert ids[0] != ids[1]
        second = await other.push_image("app", "latest", "second")
        assert app.cached(request, client) is None
        found = app.fast(asked(b"/v2/app/manifests/latest", (b"host", b"x")), client, request)
        assert isinstance(found, tuple)
        assert found[1].endswith(second)
        again = app.cached(request, client)
        assert isinstance(again, tuple)
        assert again[1].endswith(second)
        assert (await other.request("DELETE", "/v2/app/manifests/latest")).status_code == 202
        assert app.cached(request, client) is None


async def test_the_file_behind_a_kept_answer_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Registry(tmp_path / "root") as registry:
        app, client = registry.app, ("127.0.0.1", 1)
        await registry.push_image("app", "latest")
        digest = digest_of(b"a layer of all")
        url = f"/v2/app/blobs/{digest}".encode()
        for method in (b"HEAD", b"GET"):
            assert app.fast(Head(method, "1.1", url, []), client, method + url) is not None
            assert app.cached(method + url, client) is not None
        path = registry.blob_file(digest)
        path.write_bytes(b"cut")
        assert app.cached(b"HEAD" + url, client) is not None  # looked at a moment ago
        monkeypatch.setattr(fast_path, "LOOK_AGAIN_SECONDS", 0.0)
        assert app.cached(b"HEAD" + url, client) is None
        assert app.cached(b"GET" + url, client) is None
        path.unlink()
        assert app.cached(b"HEAD" + url, client) is None
        assert app.cached(b"GET" + url, client) is None
