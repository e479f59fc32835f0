"""The logins that docker keeps in its config.json, read and written so that docker and we share them.

auths                a login per registry: `auth` is base64 of user:password, or `identitytoken`, or `registrytoken`
credHelpers          the helper that keeps the login, per registry
credsStore           the helper that keeps all others; `auths` then has an empty entry per registry

What else is in the file stays as it is. It is written anew beside and renamed, for its owner alone (0600).
"""

from __future__ import annotations

import base64
import json
import os
import tempfile
from binascii import Error as NotBase64
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fcntl import LOCK_EX, flock
from pathlib import Path

from registry.client.credential_helper import CredentialHelper
from registry.client.credentials import Basic, Credentials, IdentityToken, RegistryToken
from registry.client.endpoint import HUB
from registry.client.errors import ConfigInvalid

HUB_KEY = "https://index.docker.io/v1/"
"""What docker calls its own registry wherever logins are kept."""

_LONGEST = 1 << 20


def default_path() -> Path:
    """$DOCKER_CONFIG/config.json, or that of the home directory."""
    folder = os.environ.get("DOCKER_CONFIG")
    return (Path(folder) if folder else Path.home() / ".docker") / "config.json"


def key_of(host: str) -> str:
    """What docker calls a registry: the host, and for its own a URL."""
    return HUB_KEY if host.lower() in HUB else host


class DockerConfig:
    """One config.json; read anew for every call, so it is never old. Raises ConfigInvalid, HelperFailed."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or default_path()

    def credentials(self, host: str) -> Credentials | None:
        """The login for a registry, None when there is none."""
        document = self._read()
        helper = _helper(document, host)
        if helper is not None:
            return helper.get(key_of(host))
        entry = _entry(_table(document, "auths"), host)
        return None if entry is None else _credentials(entry, host)

    def store(self, host: str, credentials: Basic | IdentityToken) -> bool:
        """Keep a login; whether a helper keeps it, and not the file."""
        helper = _helper(self._read(), host)
        if helper is not None:
            helper.store(key_of(host), credentials)
        entry: dict[str, object] = {} if helper is not None else _fields(credentials)
        with self._alone():
            document = self._read()
            document["auths"] = {**_without(_table(document, "auths"), host), key_of(host): entry}
            self._write(document)
        return helper is not None

    def erase(self, host: str) -> bool:
        """Forget the login for a registry; False when there was none in the file."""
        helper = _helper(self._read(), host)
        if helper is not None:
            helper.erase(key_of(host))
        if not self.path.exists():
            return False
        with self._alone():
            document = self._read()
            auths = _table(document, "auths")
            left = _without(auths, host)
            if len(left) == len(auths):
                return False
            document["auths"] = left
            self._write(document)
        return True

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One of us at a time, so that no login is lost; docker itself takes no lock."""
        try:
            folder = self.path.resolve().parent
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            raise ConfigInvalid(f"{self.path} cannot be written: {error.strerror}") from error
        try:
            flock(lock, LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _read(self) -> dict[str, object]:
        try:
            with self.path.open("rb") as file:
                payload = file.read(_LONGEST + 1)
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise ConfigInvalid(f"{self.path} cannot be read: {error.strerror}") from error
        if not payload.strip():
            return {}
        try:
            document = json.loads(payload) if len(payload) <= _LONGEST else None
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict):
            raise ConfigInvalid(f"{self.path} is not a JSON object of at most {_LONGEST} bytes, repair or remove it")
        return document

    def _write(self, document: dict[str, object]) -> None:
        """Replace the file, where a link leads to too, at once and durably."""
        path = self.path.resolve()
        try:
            descriptor, name = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)  # it is 0600 from the start
            try:
                with open(descriptor, "w", encoding="utf-8") as file:
                    json.dump(document, file, indent="\t", ensure_ascii=False)
                    file.write("\n")
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(name, path)
            except BaseException:
                with suppress(FileNotFoundError):
                    os.unlink(name)
                raise
        except OSError as error:
            raise ConfigInvalid(f"{self.path} cannot be written: {error.strerror}") from error


def _table(document: dict[str, object], name: str) -> dict[str, object]:
    """The object in this field; missing and null are an empty one."""
    value = document.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ConfigInvalid(f"docker's config.json has {name} that is not an object")
    return value


def _helper(document: dict[str, object], host: str) -> CredentialHelper | None:
    name = _table(document, "credHelpers").get(key_of(host)) or _table(document, "credHelpers").get(host)
    name = name or document.get("credsStore")
    if not name:
        return None
    if not isinstance(name, str):
        raise ConfigInvalid("docker's config.json names a credential helper that is not a string")
    return CredentialHelper(name)


def _entry(auths: dict[str, object], host: str) -> dict[str, object] | None:
    """The entry of a registry: under its own key, or under one that is a URL of the same host."""
    keys = [key_of(host), *(key for key in auths if _host_in(key) == _host_in(key_of(host)))]
    for key in keys:
        entry = auths.get(key)
        if isinstance(entry, dict) and entry:
            return entry
    return None


def _without(auths: dict[str, object], host: str) -> dict[str, object]:
    return {key: entry for key, entry in auths.items() if _host_in(key) != _host_in(key_of(host))}


def _host_in(key: str) -> str:
    """The host of a key; older docker wrote URLs."""
    return key.partition("://")[2].partition("/")[0] if "://" in key else key.partition("/")[0]


def _credentials(entry: dict[str, object], host: str) -> Credentials | None:
    username, password = _text(entry, "username"), _text(entry, "password")
    auth = _text(entry, "auth")
    if auth:
        try:
            username, _, password = base64.b64decode(auth, validate=True).decode().partition(":")
        except (NotBase64, UnicodeDecodeError):
            raise ConfigInvalid(
                f"docker's config.json has an auth for {host} that cannot be read, log in again"
            ) from None
        password = password.rstrip("\0")
    if token := _text(entry, "identitytoken"):
        return IdentityToken(token, username)
    if token := _text(entry, "registrytoken"):
        return RegistryToken(token)
    return Basic(username, password) if username else None


def _fields(credentials: Basic | IdentityToken) -> dict[str, object]:
    if isinstance(credentials, IdentityToken):
        pair = f"{credentials.username}:" if credentials.username else ""
        return {"auth": base64.b64encode(pair.encode()).decode(), "identitytoken": credentials.token}
    pair = f"{credentials.username}:{credentials.password}"
    return {"auth": base64.b64encode(pair.encode()).decode()}


def _text(entry: dict[str, object], name: str) -> str:
    value = entry.get(name)
    return value if isinstance(value, str) else ""
