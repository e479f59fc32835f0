"""Docker's credential helpers: a program `docker-credential-NAME` that keeps logins; get, store and erase, by JSON."""

from __future__ import annotations

import json
import re
import subprocess

from registry.client.credentials import Basic, Credentials, IdentityToken
from registry.client.errors import HelperFailed

IDENTITY = "<token>"
"""The user name that marks an identity token."""

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_SECONDS = 60.0
_NOT_FOUND = "credentials not found"
_SHOWN = 200


class CredentialHelper:
    """The helper of this name; `server` is what docker calls the registry. Raises HelperFailed."""

    def __init__(self, name: str) -> None:
        if _NAME.fullmatch(name) is None:
            raise HelperFailed(f"{name[:_SHOWN]!r} is not the name of a credential helper")
        self._program = f"docker-credential-{name}"

    def get(self, server: str) -> Credentials | None:
        """The login, None when it keeps none."""
        done = self._run("get", server)
        if done.returncode != 0:
            if _NOT_FOUND in done.stdout:
                return None
            raise self._failed("get", done)
        try:
            document = json.loads(done.stdout)
            username, secret = document["Username"], document["Secret"]
        except (ValueError, KeyError, TypeError) as error:
            raise HelperFailed(f"{self._program} get answered what is not a login") from error
        if not isinstance(username, str) or not isinstance(secret, str):
            raise HelperFailed(f"{self._program} get answered what is not a login")
        return IdentityToken(secret) if username == IDENTITY else Basic(username, secret)

    def store(self, server: str, credentials: Basic | IdentityToken) -> None:
        """Keep a login."""
        if isinstance(credentials, IdentityToken):
            username, secret = IDENTITY, credentials.token
        else:
            username, secret = credentials.username, credentials.password
        self._do("store", json.dumps({"ServerURL": server, "Username": username, "Secret": secret}))

    def erase(self, server: str) -> None:
        """Forget a login; nothing happens when there is none."""
        done = self._run("erase", server)
        if done.returncode != 0 and _NOT_FOUND not in done.stdout:
            raise self._failed("erase", done)

    def _do(self, verb: str, said: str) -> None:
        done = self._run(verb, said)
        if done.returncode != 0:
            raise self._failed(verb, done)

    def _run(self, verb: str, said: str) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(  # noqa: S603 - the program is the user's own configuration
                [self._program, verb], input=said, capture_output=True, text=True, timeout=_SECONDS, check=False
            )
        except FileNotFoundError as error:
            raise HelperFailed(
                f"{self._program} is not installed, and docker's config.json says that logins are kept by it"
            ) from error
        except (OSError, UnicodeDecodeError) as error:
            raise HelperFailed(f"{self._program} cannot be run: {error}") from error
        except subprocess.TimeoutExpired as error:
            raise HelperFailed(f"{self._program} {verb} did not end within {_SECONDS:.0f} seconds") from error

    def _failed(self, verb: str, done: subprocess.CompletedProcess[str]) -> HelperFailed:
        """Its own words; those of a failed store or get are no secret, by the protocol."""
        said = " ".join((done.stdout.strip() or done.stderr.strip()).split())
        return HelperFailed(f"{self._program} {verb} failed: {said[:_SHOWN] or f'exit status {done.returncode}'}")
