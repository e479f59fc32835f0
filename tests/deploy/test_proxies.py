"""nginx.conf and Caddyfile: taken by nginx and Caddy, and run with a certificate made here before a real registry."""

import http.client
import json
import re
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import pytest

from tests.e2e.processes import Daemon, clean_environment, run
from tests.e2e.tools import system_tool
from tests.ports import free_port
from tests.project.source import ROOT
from tests.protocol.server import Server, running, wait_until

NAME = "registry.example.com"
HALF = 8 << 20


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate that signs itself, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    made = folder / "tls.crt", folder / "tls.key"
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    names = ["-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}"]
    run([*words, *names, "-out", made[0], "-keyout", made[1]])
    return made


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A registry that believes a proxy of this machine and says so in the locations it sends."""
    variables = {
        "ENTREPOT_SERVER_TRUSTED_PROXIES": "127.0.0.1",
        "ENTREPOT_SERVER_ABSOLUTE_LOCATIONS": "true",
        "ENTREPOT_SERVER_WORKERS": "1",
        "ENTREPOT_LOG_ACCESS": "true",
    }
    with running(tmp_path_factory.mktemp("behind"), variables) as found:
        yield found


Proxy = Callable[[Path, tuple[Path, Path], int, int, Path], list[str | Path]]


def nginx(folder: Path, certificate: tuple[Path, Path], port: int, behind: int, storage: Path) -> list[str | Path]:
    """The command that runs nginx with the file of deploy/, on another port and with another certificate."""
    text = (ROOT / "deploy" / "nginx.conf").read_text()
    text = text.replace("127.0.0.1:5000", f"127.0.0.1:{behind}")
    text = re.sub(r"ssl_certificate .*;", f"ssl_certificate {certificate[0]};", text)
    text = re.sub(r"ssl_certificate_key .*;", f"ssl_certificate_key {certificate[1]};", text)
    text = text.replace("alias /var/lib/entrepot/storage/", f"alias {storage}/")
    text = re.sub(r"listen \[::\]:\d+.*\n", "", text).replace("listen 443 ", f"listen 127.0.0.1:{port} ")
    text = text.replace("listen 80;", f"listen 127.0.0.1:{free_port()};")
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in kinds)
    path = folder / "nginx.conf"
    path.write_text(
        f"daemon off; user root; pid {folder}/pid; error_log stderr; worker_processes 1;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{temporary}{text}\n}}\n"
    )
    return [system_tool("nginx"), "-e", "stderr", "-p", folder, "-c", path]


def caddy(folder: Path, certificate: tuple[Path, Path], port: int, behind: int, storage: Path) -> list[str | Path]:
    """The command that runs Caddy with the file of deploy/, on another port and with another certificate."""
    text = (ROOT / "deploy" / "Caddyfile").read_text()
    text = text.replace("127.0.0.1:5000", f"127.0.0.1:{behind}")
    tls = f"https://{NAME}:{port} {{\n\tbind 127.0.0.1\n\ttls {certificate[0]} {certificate[1]}"
    text = text.replace(f"{NAME} {{", tls)
    path = folder / "Caddyfile"
    path.write_text(f"{{\n\tadmin off\n\tauto_https disable_redirects\n}}\n{text}")
    return [system_tool("caddy"), "run", "--adapter", "caddyfile", "--config", path]


HEADERS = {nginx: "x-accel-redirect", caddy: "x-sendfile"}
"""By which each is told to send a file."""


class Front:
    """The proxy as clients see it."""

    def __init__(self, port: int, certificate: Path) -> None:
        self.port = port
        self.host = f"{NAME}:{port}"
        self._context = ssl.create_default_context(cafile=str(certificate))

    def connect(self) -> http.client.HTTPSConnection:
        """A connection under the proxy's public name, which no resolver knows here."""
        made = _Named("127.0.0.1", self.port, timeout=20, context=self._context)
        made.connect()
        return made

    def ask(self, method: str, path: str, body: bytes = b"", /, **headers: str) -> tuple[int, dict[str, str], bytes]:
        """One request on a connection of its own."""
        connection = self.connect()
        try:
            connection.request(method, path, body, {"Host": self.host, **headers})
            got = connection.getresponse()
            return got.status, {name.lower(): value for name, value in got.getheaders()}, got.read()
        finally:
            connection.close()

    def ready(self) -> bool:
        """It passes requests on."""
        try:
            return self.ask("GET", "/v2/")[0] == 200
        except OSError:
            return False


class _Named(http.client.HTTPSConnection):
    def connect(self) -> None:
        http.client.HTTPConnection.connect(self)
        self.sock = self._context.wrap_socket(self.sock, server_hostname=NAME)  # type: ignore[attr-defined] # no such stub


@contextmanager
def before(proxy: Proxy, folder: Path, certificate: tuple[Path, Path], server: Server) -> Iterator[Front]:
    """The proxy, running."""
    front = Front(free_port(), certificate[0])
    env = {**clean_environment(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    daemon = Daemon(
        proxy(folder, certificate, front.port, server.port, server.root / "storage"), folder / "proxy.log", env
    )
    daemon.start(front.ready)
    try:
        yield front
    finally:
        daemon.stop()


@pytest.fixture(scope="module", params=[nginx, caddy], ids=["nginx", "caddy"])
def front(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    certificate: tuple[Path, Path],
    server: Server,
) -> Iterator[Front]:
    """Either proxy before the registry."""
    with before(request.param, tmp_path_factory.mktemp("proxy"), certificate, server) as found:
        yield found


def begin(front: Front, name: str) -> str:
    """Open an upload session; its path."""
    status, headers, _ = front.ask("POST", f"/v2/{name}/blobs/uploads/")
    assert status == 202
    assert headers["location"].startswith(f"https://{front.host}/v2/")
    return headers["location"].removeprefix(f"https://{front.host}")


def test_locations_name_the_proxy_whatever_the_client_says(front: Front) -> None:
    lies = {"X-Forwarded-Host": "elsewhere.example", "X-Forwarded-Proto": "http", "X-Forwarded-For": "192.0.2.1"}
    status, headers, _ = front.ask("POST", "/v2/proxy/lies/blobs/uploads/", b"", **lies)
    assert status == 202
    assert headers["location"].startswith(f"https://{front.host}/v2/proxy/lies/")
    assert headers["strict-transport-security"] == "max-age=31536000"


def test_a_body_is_passed_on_while_it_comes(front: Front, server: Server) -> None:
    body = bytes(range(256)) * (2 * HALF // 256)
    digest = f"sha256:{sha256(body).hexdigest()}"
    path = begin(front, "proxy/stream")

    def received() -> float:
        counted = re.findall(
            r'^entrepot_received_bytes_total\{route="upload"\} (\S+)', server.client.get("/metrics").body.decode(), re.M
        )
        return sum(map(float, counted))

    connection = front.connect()
    connection.putrequest("PUT", f"{path}{'&' if '?' in path else '?'}digest={digest}", skip_host=True)
    for name, value in (("Host", front.host), ("Content-Length", str(len(body)))):
        connection.putheader(name, value)
    connection.endheaders(body[:HALF])
    # The client has sent half of it and waits: the registry is at it already.
    uploads = "entrepot_uploads_in_progress 1.0"
    wait_until(lambda: uploads in server.client.get("/metrics").body.decode(), 10, "the body is held back")
    connection.send(body[HALF:])
    got = connection.getresponse()
    assert (got.status, got.read()) == (201, b"")
    connection.close()
    assert received() >= len(body)
    status, headers, found = front.ask("GET", f"/v2/proxy/stream/blobs/{digest}", Range="bytes=1-5")
    assert (status, found, headers["content-range"]) == (206, body[1:6], f"bytes 1-5/{len(body)}")


def test_a_chunked_body_of_unknown_length_goes_through(front: Front) -> None:
    pieces = [b"x" * 70_000] * 40
    connection = front.connect()
    headers = {"Host": front.host, "Transfer-Encoding": "chunked"}
    connection.request("PATCH", begin(front, "proxy/chunked"), iter(pieces), headers, encode_chunked=True)
    got = connection.getresponse()
    assert (got.status, got.getheader("Range")) == (202, f"0-{sum(map(len, pieces)) - 1}")
    connection.close()


def test_metrics_are_for_the_inside_and_errors_come_through(front: Front) -> None:
    assert front.ask("GET", "/metrics")[0] == 404
    status, _, body = front.ask("GET", "/v2/proxy/none/manifests/none")
    assert (status, json.loads(body)["errors"][0]["code"]) == (404, "NAME_UNKNOWN")


def test_the_files_are_taken_as_they_are(tmp_path: Path, certificate: tuple[Path, Path]) -> None:
    command = nginx(tmp_path, certificate, free_port(), 5000, tmp_path)
    assert "syntax is ok" in run([*command, "-t"]).text
    file = ROOT / "deploy" / "Caddyfile"
    env = {**clean_environment(tmp_path), "XDG_DATA_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    said = run([system_tool("caddy"), "validate", "--adapter", "caddyfile", "--config", file], env=env).text
    assert "Valid configuration" in said
    assert run([system_tool("caddy"), "fmt", file], env=env).out == file.read_text()


@pytest.fixture(scope="module", params=[nginx, caddy], ids=["nginx", "caddy"])
def sender(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, certificate: tuple[Path, Path]
) -> Iterator[tuple[Front, Server]]:
    """Either proxy, sending the files of the registry behind it."""
    variables = {
        "ENTREPOT_SERVER_TRUSTED_PROXIES": "127.0.0.1",
        "ENTREPOT_SERVER_PROXY_SENDS_FILES": HEADERS[request.param],
        "ENTREPOT_CORS_ALLOW_ORIGINS": "https://ui.test",
    }
    with (
        running(tmp_path_factory.mktemp("sending"), variables) as server,
        before(request.param, tmp_path_factory.mktemp("proxy"), certificate, server) as front,
    ):
        yield front, server


LARGE = bytes(range(256)) * (HALF // 256)


def pushed(server: Server, body: bytes) -> str:
    """The path of a blob."""
    digest = f"sha256:{sha256(body).hexdigest()}"
    octets = {"Content-Type": "application/octet-stream"}
    assert server.client.post(f"/v2/proxy/sent/blobs/uploads/?digest={digest}", body, octets).status == 201
    return f"/v2/proxy/sent/blobs/{digest}"


def test_the_proxy_sends_files_with_the_headers_of_the_registry(sender: tuple[Front, Server]) -> None:
    front, server = sender
    path = pushed(server, LARGE)
    digest = path.rpartition("/")[2]
    for asked, status, body in (
        ({}, 200, LARGE),
        ({"Range": "bytes=5-99"}, 206, LARGE[5:100]),
        ({"Range": "bytes=-7"}, 206, LARGE[-7:]),
        ({"Range": "bytes=5-99", "If-Range": f'"{digest}"'}, 206, LARGE[5:100]),
        ({"Range": "bytes=5-99", "If-Range": '"another"'}, 200, LARGE),
        ({"If-None-Match": f'"{digest}"'}, 304, b""),
        ({"Origin": "https://ui.test"}, 200, LARGE),
    ):
        got, headers, found = front.ask("GET", path, b"", **asked)
        assert (got, found == body) == (status, True), asked
        assert headers["etag"] == f'"{digest}"', asked
        assert headers["docker-content-digest"] == digest
        assert headers["x-request-id"]
        assert "x-accel-redirect" not in headers
        assert "x-sendfile" not in headers
        if status != 304:
            assert headers["content-length"] == str(len(body))
            assert headers["content-type"] == "application/octet-stream"
            assert "immutable" in headers["cache-control"]
        assert (headers.get("access-control-allow-origin") == "https://ui.test") == ("Origin" in asked)
    got, headers, found = front.ask("GET", path, b"", Range=f"bytes={len(LARGE)}-")
    assert (got, json.loads(found)["errors"][0]["code"]) == (416, "RANGE_INVALID")
    got, headers, found = front.ask("HEAD", path)
    assert (got, headers["content-length"], found) == (200, str(len(LARGE)), b"")
    # It is the proxy that has sent them; a worker tells the others what it has counted within a second or so.
    sent = None
    end = time.monotonic() + 10
    while sent is None and time.monotonic() < end:
        time.sleep(0.3)
        told = server.client.get("/metrics").body.decode()
        sent = re.search(r'^entrepot_sent_bytes_total\{route="blob"\} (\S+)', told, re.M)
    assert sent is not None
    assert float(sent[1]) < len(LARGE) + 2000  # the one that has a condition


def test_no_client_gets_at_files_past_the_registry(sender: tuple[Front, Server]) -> None:
    front, server = sender
    path = pushed(server, LARGE)
    hexadecimal = path.rpartition(":")[2]
    below = f"docker/registry/v2/blobs/sha256/{hexadecimal[:2]}/{hexadecimal}/data"
    assert (server.root / "storage" / below).exists()
    for asked in (f"/_entrepot/files/{below}", f"{server.root}/storage/{below}", f"/v2/../_entrepot/files/{below}"):
        for lies in ({}, {"X-Accel-Redirect": f"/_entrepot/files/{below}", "X-Sendfile": str(server.root / below)}):
            got, _, found = front.ask("GET", asked, b"", **lies)
            assert (got in (400, 404), LARGE not in found) == (True, True), asked
    # Who has not been let in to the repository is not given what another one has.
    assert front.ask("GET", path.replace("/sent/", "/other/"))[0] == 404


def test_files_are_named_to_trusted_proxies_only(sender: tuple[Front, Server]) -> None:
    """A client on the registry's own machine names no client, and gets the bytes."""
    _, server = sender
    path = pushed(server, LARGE)
    assert server.client.get(path).body == LARGE
    named = server.client.get(path, {"X-Forwarded-For": "192.0.2.1"})
    assert (named.body, named.get("x-accel-redirect") or named.get("x-sendfile")) == (
        b"",
        named.get("x-accel-redirect") or named.header("x-sendfile"),
    )
