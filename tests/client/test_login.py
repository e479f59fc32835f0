"""Who is let in, with what: passwords and tokens, at a registry that checks them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import pytest

from registry.client.authorizer import Authorizer
from registry.client.challenge import Challenge
from registry.client.client import Client
from registry.client.credentials import Basic, Credentials, IdentityToken, RegistryToken
from registry.client.endpoint import endpoint
from registry.client.errors import InvalidAnswer, NotFound, Unauthorized, UnsafeRealm
from registry.client.requester import PULL, PUSH, scope
from registry.client.transport import Transport
from registry.client.trust import context
from tests.client.certificates import Pair
from tests.client.debian import basic, bearer, docker_registry
from tests.client.pushed import push, push_image
from tests.client.scripted import Asked, Reply, scripted
from tests.client.token_server import PASSWORD, USER, TokenServer, token_server
from tests.protocol.content import digest_of

ANA = Basic(USER, PASSWORD)


@pytest.fixture(scope="module")
def tokens(keys: Pair) -> Iterator[TokenServer]:
    with token_server(keys) as started:
        yield started


@pytest.fixture(scope="module")
def with_tokens(tokens: TokenServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A registry that wants tokens."""
    with docker_registry(tmp_path_factory.mktemp("bearer"), bearer(tokens)) as port:
        yield port


@pytest.fixture(scope="module")
def with_passwords(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A registry that wants passwords."""
    folder = tmp_path_factory.mktemp("basic")
    with docker_registry(folder, basic(folder)) as port:
        yield port


def at(port: int, credentials: Credentials | None = None) -> Client:
    return Client(f"127.0.0.1:{port}", credentials=credentials)


def test_a_password(with_passwords: int, name: str) -> None:
    client = at(with_passwords, ANA)
    assert client.login() == ANA
    manifest = push_image(client, name, "v1")
    assert client.manifest(name, "v1").payload == manifest.payload


@pytest.mark.parametrize("credentials", [None, Basic(USER, "wrong"), IdentityToken("x"), RegistryToken("x")])
def test_not_with_that(with_passwords: int, with_tokens: int, name: str, credentials: Credentials | None) -> None:
    for port in (with_passwords, with_tokens):
        with pytest.raises(Unauthorized):
            at(port, credentials).manifest(name, "v1")
    with pytest.raises(Unauthorized):
        at(with_passwords, credentials).login()


def test_a_wrong_password_at_login(with_tokens: int) -> None:
    with pytest.raises(Unauthorized, match="the token server"):
        at(with_tokens, Basic(USER, "wrong")).login()


def test_tokens(with_tokens: int, tokens: TokenServer, name: str) -> None:
    """One token serves a whole push, and the pulls after it."""
    client, before = at(with_tokens, ANA), len(tokens.asked)
    manifest = push_image(client, name, "v1")
    assert client.manifest(name, "v1").payload == manifest.payload
    assert list(client.tags(name)) == ["v1"]
    assert tokens.scopes()[before:] == [[f"repository:{name}:pull,push"]]
    client.delete_manifest(name, manifest.digest)
    assert len(tokens.asked) == before + 2
    assert "delete" in tokens.scopes()[-1][0]


def test_many_threads_ask_for_one_token(with_tokens: int, tokens: TokenServer, name: str) -> None:
    digest = push(at(with_tokens, ANA), name, b"blob")
    client, before = at(with_tokens, ANA), len(tokens.asked)
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: client.has_blob(name, digest), range(16))) == {4}
    assert tokens.scopes()[before:] == [[f"repository:{name}:pull"]]


def test_a_mount_asks_for_both(with_tokens: int, tokens: TokenServer, name: str) -> None:
    client = at(with_tokens, ANA)
    digest = push(client, f"{name}/from", b"blob")
    assert client.mount(f"{name}/to", digest, f"{name}/from")
    assert tokens.scopes()[-1] == [f"repository:{name}/from:pull", f"repository:{name}/to:pull,push"]


def test_a_mount_from_where_one_may_not_read(name: str) -> None:
    """It is pushed instead."""

    def registry(asked: Asked) -> Reply:
        if "from=" in asked.target:
            return Reply(403, b"")
        return Reply(202, b"", [("Location", "/up")]) if asked.method == "POST" else Reply(201, b"")

    with scripted(registry) as server:
        client = Client(server.host, plain_http=True)
        assert client.push_blob(name, digest_of(b"blob"), 4, lambda _: BytesIO(b"blob"), source="other")
        assert not client.mount(name, digest_of(b"blob"), "other")
        assert [asked.method for asked in server.asked] == ["POST", "POST", "PUT", "POST", "POST", "DELETE"]


def test_the_catalog(with_tokens: int, name: str) -> None:
    client = at(with_tokens, ANA)
    push_image(client, name, "v1")
    assert name in client.catalog()


def test_nobody_in_particular(with_tokens: int, name: str) -> None:
    """A token without a user, for what is public; to push it does not do."""
    digest = push(at(with_tokens, ANA), f"public/{name}", b"blob")
    nobody = at(with_tokens)
    assert nobody.has_blob(f"public/{name}", digest) == 4
    with pytest.raises(Unauthorized):
        push(nobody, f"public/{name}", b"another")


def test_an_identity_token(with_tokens: int, tokens: TokenServer, name: str) -> None:
    """Login gives one in place of the password; from then on tokens are asked for with it."""
    kept = at(with_tokens, ANA).login()
    assert isinstance(kept, IdentityToken)
    assert (kept.username, kept.token in tokens.refresh) == (USER, True)
    push(at(with_tokens, kept), name, b"blob")
    asked = tokens.asked[-1]
    assert (asked.method, "authorization" in asked.headers) == ("POST", False)
    assert PASSWORD not in repr(kept) + repr(ANA)
    assert kept.token not in repr(kept)


def test_a_ready_token(with_tokens: int, tokens: TokenServer, name: str) -> None:
    push(at(with_tokens, ANA), name, b"blob")
    ready = RegistryToken(tokens.sign([f"repository:{name}:pull"], all_of_it=True))
    before = len(tokens.asked)
    with pytest.raises(NotFound):
        at(with_tokens, ready).manifest(name, "v1")
    assert len(tokens.asked) == before


def test_a_token_ends(tokens: TokenServer) -> None:
    """It is asked for again when its time is over, or when the registry does not want it any more."""
    now = [0.0]
    transport = Transport(lambda: context("x"))
    authorizer = Authorizer(endpoint("registry.test"), transport, ANA, lambda: now[0])
    challenge = Challenge("bearer", tokens.realm, "registry.test", "repository:a:pull")
    pulls = scope("a", PULL)
    assert authorizer.header(pulls) == ""
    first = authorizer.challenged([challenge], pulls, "")
    before = len(tokens.asked)
    now[0] = 290
    assert (authorizer.header(pulls), len(tokens.asked)) == (first, before)
    now[0] = 296
    second = authorizer.header(pulls)
    assert (second != first, len(tokens.asked)) == (True, before + 1)
    assert authorizer.challenged([challenge], pulls, second) not in (first, second)
    assert authorizer.header(scope("a", PUSH)) != authorizer.header(scope("b", PULL))
    transport.close()


def test_credentials_stay_off_the_open_road() -> None:
    """A registry may name a token server on another host; over plain HTTP it gets no password."""
    transport = Transport(lambda: context("x"))
    far = Challenge("bearer", "http://192.0.2.1/token", "s")
    for credentials in (ANA, IdentityToken("x")):
        authorizer = Authorizer(endpoint("registry.test"), transport, credentials)
        with pytest.raises(UnsafeRealm, match=r"http://192\.0\.2\.1, which is plain http"):
            authorizer.challenged([far], frozenset(), "")


def test_a_registry_that_never_has_enough() -> None:
    with scripted(lambda _: Reply(401, b"", [("WWW-Authenticate", 'Basic realm="x"')])) as server:
        with pytest.raises(Unauthorized):
            Client(server.host, plain_http=True, credentials=ANA).login()
        assert len(server.asked) == 2


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"token":""}', b'{"token":"a\\nb"}', b'{"token":5}'])
def test_no_token(body: bytes) -> None:
    def answer(asked: Asked) -> Reply:
        if asked.target.startswith("/token"):
            return Reply(200, body)
        realm = f'Bearer realm="http://{asked.headers["host"]}/token",service="s"'
        return Reply(401, b"", [("WWW-Authenticate", realm)])

    with scripted(answer) as server, pytest.raises(InvalidAnswer, match="the token server answered"):
        Client(server.host, plain_http=True, credentials=ANA).login()
