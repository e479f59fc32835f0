"""TLS: whom a client believes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from registry.client.client import Client
from registry.client.endpoint import Origin
from registry.client.errors import InvalidAnswer, TlsFiles, Untrusted
from registry.client.scheme_probe import candidates, choose
from registry.client.transport import Transport
from registry.client.trust import context
from tests.client.certificates import Pair
from tests.client.debian import docker_registry, tls
from tests.client.pushed import QUICK, push_image
from tests.protocol.server import Server


@pytest.fixture(scope="module")
def host(keys: Pair, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A registry that speaks TLS, by a certificate that nobody knows."""
    with docker_registry(tmp_path_factory.mktemp("tls"), tls(keys)) as port:
        yield f"127.0.0.1:{port}"


def test_unknown(host: str, tmp_path: Path) -> None:
    with pytest.raises(Untrusted, match="is not trusted: self-signed certificate"):
        Client(host, plain_http=False, certs=tmp_path).login()


def test_a_ca_file(host: str, keys: Pair, name: str) -> None:
    client = Client(host, plain_http=False, ca_file=str(keys.certificate))
    pushed = push_image(client, name, "v1")
    assert client.manifest(name, "v1").payload == pushed.payload


def test_dockers_folder(host: str, keys: Pair, tmp_path: Path) -> None:
    folder = tmp_path / host
    folder.mkdir()
    (folder / "any.crt").write_bytes(keys.certificate.read_bytes())
    (folder / "client.cert").write_bytes(keys.certificate.read_bytes())
    (folder / "client.key").write_bytes(keys.key.read_bytes())
    Client(host, plain_http=False, certs=tmp_path).login()
    (folder / "client.key").unlink()
    with pytest.raises(TlsFiles, match=r"client\.key"):
        Client(host, plain_http=False, certs=tmp_path).login()


def test_another_name(host: str, keys: Pair) -> None:
    """The certificate is for 127.0.0.1; localhost is somebody else."""
    port = host.rpartition(":")[2]
    with pytest.raises(Untrusted, match=r"the certificate of localhost:\d+ is not trusted"):
        Client(f"localhost:{port}", plain_http=False, ca_file=str(keys.certificate), retry=QUICK).login()


def test_a_registry_of_this_machine_may_speak_tls(host: str, keys: Pair) -> None:
    """Plain HTTP is tried first, and answered that it is not the way."""
    Client(host, ca_file=str(keys.certificate)).login()
    with pytest.raises(Untrusted):
        Client(host).login()


def test_an_insecure_registry_may_speak_plain_http(server: Server, host: str, tmp_path: Path) -> None:
    plain = (Origin("https", "127.0.0.1", server.port), Origin("http", "127.0.0.1", server.port))
    transport = Transport(lambda: context(host, insecure=True, certs=tmp_path), insecure=True)
    assert choose(plain, transport) == plain[1]
    nobody = (Origin("https", "127.0.0.1", 1), Origin("http", "127.0.0.1", 1))
    assert choose(nobody, transport) is None
    assert choose(nobody[:1], transport) == nobody[0]
    Client(host, insecure=True, certs=tmp_path).login()


def test_the_ways_to_a_registry() -> None:
    def schemes(host: str, plain_http: bool | None = None, *, insecure: bool = False) -> list[str]:
        return [origin.scheme for origin in candidates(host, plain_http, insecure=insecure)]

    for tls_alone in (("example.com",), ("localhost", False)):
        assert schemes(*tls_alone) == ["https"]
    assert schemes("example.com", False, insecure=True) == ["https"]
    assert schemes("example.com", True) == schemes("localhost", True) == ["http"]
    assert schemes("localhost:5000") == schemes("localhost:5000", insecure=True) == ["http", "https"]
    assert schemes("example.com", insecure=True) == ["https", "http"]


def test_insecure(host: str, tmp_path: Path) -> None:
    Client(host, plain_http=False, insecure=True, certs=tmp_path).login()


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_no_ca(host: str, tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "ca.crt"
    if content is not None:
        path.write_text(content)
    with pytest.raises(TlsFiles, match=str(path)):
        Client(host, plain_http=False, ca_file=str(path)).login()


def test_a_registry_that_does_not_know_of_its_tls(keys: Pair, tmp_path: Path) -> None:
    """It names itself with http, as behind a proxy that does not tell: the bytes do not go there in the clear."""
    with docker_registry(tmp_path, "  host: http://127.0.0.1:1\n" + tls(keys)) as port:
        client = Client(f"127.0.0.1:{port}", plain_http=False, ca_file=str(keys.certificate))
        with pytest.raises(InvalidAnswer, match="X-Forwarded-Proto"):
            push_image(client, "a", "v1")
