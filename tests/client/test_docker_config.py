"""Docker's config.json and its credential helpers."""

from __future__ import annotations

import base64
import json
import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from registry.client.credentials import Basic, Credentials, IdentityToken, RegistryToken
from registry.client.docker_config import HUB_KEY, DockerConfig
from registry.client.errors import ConfigInvalid, HelperFailed
from tests.client.debian import basic, docker_registry
from tests.client.token_server import PASSWORD, USER

ANA = Basic(USER, PASSWORD)
AUTH = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()

# The protocol of docker's helpers in full, over one JSON file beside the program.
HELPER = f"""#!{sys.executable}
import json, pathlib, sys
kept = pathlib.Path(__file__).with_suffix(".json")
logins = json.loads(kept.read_text()) if kept.exists() else {{}}
verb, said = sys.argv[1], sys.stdin.read()
if verb == "store":
    login = json.loads(said)
    logins[login["ServerURL"]] = login
elif said not in logins:
    print("credentials not found in native keychain")
    sys.exit(1)
elif verb == "get":
    print(json.dumps(logins[said]))
elif verb == "erase":
    del logins[said]
kept.write_text(json.dumps(logins))
"""


@pytest.fixture
def config(tmp_path: Path) -> DockerConfig:
    return DockerConfig(tmp_path / "docker" / "config.json")


@pytest.fixture
def helper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A helper called "test"; the file it keeps logins in."""
    return install(tmp_path, monkeypatch, HELPER).with_suffix(".json")


def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "docker-credential-test"
    program.write_text(text)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return program


def write(config: DockerConfig, document: object) -> None:
    config.path.parent.mkdir(exist_ok=True)
    config.path.write_text(json.dumps(document))


def read(config: DockerConfig) -> Any:  # noqa: ANN401 - JSON is whatever it is
    return json.loads(config.path.read_text())


def test_where_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "there"))
    assert DockerConfig().path == tmp_path / "there" / "config.json"
    monkeypatch.delenv("DOCKER_CONFIG")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert DockerConfig().path == tmp_path / ".docker" / "config.json"


ENTRIES: dict[str, tuple[dict[str, object], Credentials | None]] = {
    "auth": ({"auth": AUTH}, ANA),
    "a colon in the password": ({"auth": base64.b64encode(b"u:a:b").decode()}, Basic("u", "a:b")),
    "in the clear": ({"username": "u", "password": "p"}, Basic("u", "p")),
    "an identity token": ({"auth": base64.b64encode(b"u:").decode(), "identitytoken": "t"}, IdentityToken("t", "u")),
    "a registry token": ({"registrytoken": "t"}, RegistryToken("t")),
    "nothing": ({}, None),
    "an email": ({"email": "a@b"}, None),
}


@pytest.mark.parametrize("entry", ENTRIES)
def test_entries(config: DockerConfig, entry: str) -> None:
    fields, credentials = ENTRIES[entry]
    write(config, {"auths": {"example.com:5000": fields}})
    assert config.credentials("example.com:5000") == credentials
    assert config.credentials("example.com") is None


@pytest.mark.parametrize(
    ("key", "host"),
    [
        ("example.com", "example.com"),
        ("https://example.com/v1/", "example.com"),
        ("http://example.com", "example.com"),
        (HUB_KEY, "docker.io"),
        (HUB_KEY, "index.docker.io"),
        (HUB_KEY, "registry-1.docker.io"),
        ("index.docker.io", "docker.io"),
    ],
)
def test_keys(config: DockerConfig, key: str, host: str) -> None:
    write(config, {"auths": {"other.example.com": {"auth": "eDp5"}, key: {"auth": AUTH}}})
    assert config.credentials(host) == ANA
    assert config.erase(host)
    assert config.credentials(host) is None
    assert read(config)["auths"] == {"other.example.com": {"auth": "eDp5"}}
    assert not config.erase(host)


@pytest.mark.parametrize("credentials", [ANA, IdentityToken("t", "u"), IdentityToken("t"), Basic("ü", "ß:\u2713")])
def test_store(config: DockerConfig, credentials: Basic | IdentityToken) -> None:
    assert not config.store("docker.io", credentials)
    assert config.credentials("docker.io") == credentials
    assert list(read(config)["auths"]) == [HUB_KEY]
    assert stat.S_IMODE(config.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(config.path.parent.stat().st_mode) == 0o700
    assert os.listdir(config.path.parent) == ["config.json"]


def test_the_rest_of_the_file_stays(config: DockerConfig) -> None:
    rest = {"HttpHeaders": {"X": "y"}, "psFormat": "table", "plugins": {"a": {"b": "c"}}}
    write(config, rest | {"auths": {"a": {"auth": AUTH, "email": "x"}}})
    config.store("b", ANA)
    assert read(config) == rest | {"auths": {"a": {"auth": AUTH, "email": "x"}, "b": {"auth": AUTH}}}


def test_a_link_stays_a_link(config: DockerConfig, tmp_path: Path) -> None:
    config.path.parent.mkdir()
    config.path.symlink_to(tmp_path / "elsewhere.json")
    config.store("a", ANA)
    assert config.path.is_symlink()
    assert json.loads((tmp_path / "elsewhere.json").read_text()) == {"auths": {"a": {"auth": AUTH}}}


@pytest.mark.parametrize("text", ["[]", "{", "\udcff", '{"auths": []}', '{"credHelpers": 5}', '{"credsStore": 5}'])
def test_a_broken_file(config: DockerConfig, text: str) -> None:
    """Nothing is believed of it, and nothing is written over it."""
    config.path.parent.mkdir()
    config.path.write_bytes(text.encode(errors="surrogateescape"))
    for call in (lambda: config.credentials("a"), lambda: config.store("a", ANA)):
        with pytest.raises(ConfigInvalid):
            call()
    assert config.path.read_bytes() == text.encode(errors="surrogateescape")


def test_a_broken_entry(config: DockerConfig) -> None:
    write(config, {"auths": {"a": {"auth": "no base64"}}})
    with pytest.raises(ConfigInvalid, match="log in again"):
        config.credentials("a")


def test_an_empty_file(config: DockerConfig) -> None:
    config.path.parent.mkdir()
    config.path.write_text("")
    assert config.credentials("a") is None
    config.store("a", ANA)
    assert config.credentials("a") == ANA


def test_it_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid, match="cannot be written"):
        DockerConfig(Path("/proc/config.json")).store("a", ANA)
    with pytest.raises(ConfigInvalid, match="cannot be read"):
        DockerConfig(tmp_path).credentials("a")


@pytest.mark.parametrize("settings", [{"credsStore": "test"}, {"credHelpers": {"example.com": "test"}}])
@pytest.mark.parametrize("credentials", [ANA, IdentityToken("t")])
def test_a_helper(
    config: DockerConfig, helper: Path, settings: dict[str, object], credentials: Basic | IdentityToken
) -> None:
    write(config, settings)
    assert config.credentials("example.com") is None
    assert config.store("example.com", credentials)
    assert config.credentials("example.com") == credentials
    assert read(config) == settings | {"auths": {"example.com": {}}}
    assert list(json.loads(helper.read_text())) == ["example.com"]
    assert config.erase("example.com")
    assert config.credentials("example.com") is None
    assert json.loads(helper.read_text()) == {}
    assert not config.erase("example.com")


def test_a_helper_of_one_registry(config: DockerConfig, helper: Path) -> None:
    write(config, {"credHelpers": {"one.example.com": "test"}})
    assert not config.store("other.example.com", ANA)
    assert not helper.exists()


def test_the_hub_by_a_helper(config: DockerConfig, helper: Path) -> None:
    write(config, {"credsStore": "test"})
    config.store("docker.io", ANA)
    assert list(json.loads(helper.read_text())) == [HUB_KEY]
    assert config.credentials("docker.io") == ANA


@pytest.mark.parametrize("name", ["absent", "../evil", "a b", "-x", ""])
def test_no_helper(config: DockerConfig, name: str) -> None:
    write(config, {"credHelpers": {"a": name}})
    if name:
        with pytest.raises(HelperFailed):
            config.credentials("a")
    else:
        assert config.credentials("a") is None


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo no keyring here; exit 1", "docker-credential-test get failed: no keyring here"),
        ("echo trouble >&2; exit 3", "docker-credential-test get failed: trouble"),
        ("exit 3", "docker-credential-test get failed: exit status 3"),
        ("echo '{}'", "answered what is not a login"),
        ("echo '[]'", "answered what is not a login"),
        ("""echo '{"Username":1,"Secret":"x"}'""", "answered what is not a login"),
    ],
)
def test_a_helper_that_fails(
    config: DockerConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, words: str
) -> None:
    install(tmp_path, monkeypatch, f"#!/bin/sh\n{script}\n")
    write(config, {"credsStore": "test"})
    with pytest.raises(HelperFailed, match=words):
        config.credentials("a")


def test_many_write_it_at_once(config: DockerConfig) -> None:
    """It is whole at every moment, and no login is lost."""
    config.store("first", ANA)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: config.store(f"host-{number}", ANA), range(24)))
        assert len(read(config)["auths"]) == 25


def test_shared_with_skopeo(config: DockerConfig, tmp_path: Path) -> None:
    """What it writes at its login we read, and it reads what we write."""
    with docker_registry(tmp_path, basic(tmp_path)) as port:
        host, file = f"127.0.0.1:{port}", ["--authfile", str(config.path)]
        login = ["skopeo", "login", "--tls-verify=false", *file, "-u", USER, "--password-stdin", host]
        config.path.parent.mkdir()
        subprocess.run(login, input=PASSWORD.encode(), check=True, capture_output=True)
        assert config.credentials(host) == ANA
        assert config.erase(host)
        lists = ["skopeo", "list-tags", "--tls-verify=false", *file, f"docker://{host}/a"]
        refused = subprocess.run(lists, capture_output=True, text=True)
        assert "authentication required" in refused.stderr
        config.store(host, ANA)
        allowed = subprocess.run(lists, capture_output=True, text=True)
        assert "404 (Not Found)" in allowed.stderr
