"""A token server as docker's specification has it, real enough that docker-registry believes what it signs.

One user, who may do everything; anybody may pull from repositories that begin with "public/". Signs with openssl.
"""

from __future__ import annotations

import base64
import json
import secrets
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from tests.client.certificates import Pair
from tests.client.scripted import Asked, Reply, Scripted, scripted

USER = "ana"
PASSWORD = "secret words"
ISSUER = "entrepot-test-tokens"
SERVICE = "registry.test"


class TokenServer:
    """`refresh` are the identity tokens it knows; `server.asked` every request that came."""

    def __init__(self, keys: Pair) -> None:
        self.keys = keys
        self.refresh: set[str] = set()
        self.server: Scripted

    @property
    def realm(self) -> str:
        return f"{self.server.url}/token"

    @property
    def asked(self) -> list[Asked]:
        return self.server.asked

    def scopes(self) -> list[list[str]]:
        """What each request asked for."""
        return [scopes(asked) for asked in self.asked]

    def answer(self, asked: Asked) -> Reply:
        form = parse_qs(asked.body.decode()) if asked.method == "POST" else parse_qs(urlsplit(asked.target).query)
        if asked.method == "POST":
            known = form.get("grant_type") == ["refresh_token"] and form["refresh_token"][0] in self.refresh
        else:
            known = asked.headers.get("authorization") == _basic(USER, PASSWORD)
        shown = asked.method == "POST" or "authorization" in asked.headers
        if (shown and not known) or form.get("service") != [SERVICE]:
            return Reply(401, json.dumps({"errors": [{"code": "UNAUTHORIZED", "message": "wrong password"}]}).encode())
        document: dict[str, object] = {"token": self.sign(scopes(asked), all_of_it=known), "expires_in": 300}
        if form.get("offline_token") == ["true"]:
            identity = secrets.token_hex(8)
            self.refresh.add(identity)
            document["refresh_token"] = identity
        return Reply(200, json.dumps(document).encode(), [("Content-Type", "application/json")])

    def sign(self, asked: list[str], *, all_of_it: bool) -> str:
        access = []
        for scope in asked:
            kind, name, actions = scope.split(":")
            public = kind == "repository" and name.startswith("public/") and "pull" in actions.split(",")
            granted = actions.split(",") if all_of_it else ["pull"] if public else []
            access.append({"type": kind, "name": name, "actions": granted})
        der = subprocess.run(
            ["openssl", "x509", "-in", str(self.keys.certificate), "-outform", "DER"], check=True, capture_output=True
        ).stdout
        now = int(time.time())
        head = {"typ": "JWT", "alg": "RS256", "x5c": [base64.b64encode(der).decode()]}
        claims = {"iss": ISSUER, "sub": USER, "aud": SERVICE, "exp": now + 300, "nbf": now - 5, "iat": now}
        claims |= {"jti": secrets.token_hex(8), "access": access}
        signed = f"{_base64(json.dumps(head).encode())}.{_base64(json.dumps(claims).encode())}"
        signature = subprocess.run(
            ["openssl", "dgst", "-sha256", "-sign", str(self.keys.key)],
            input=signed.encode(),
            check=True,
            capture_output=True,
        ).stdout
        return f"{signed}.{_base64(signature)}"


def scopes(asked: Asked) -> list[str]:
    """The scopes of one request for a token."""
    if asked.method == "POST":
        return " ".join(parse_qs(asked.body.decode()).get("scope", [])).split()
    return parse_qs(urlsplit(asked.target).query).get("scope", [])


@contextmanager
def token_server(keys: Pair) -> Iterator[TokenServer]:
    made = TokenServer(keys)
    with scripted(made.answer) as made.server:
        yield made


def root_bundle(keys: Pair) -> Path:
    """The file that a registry trusts tokens by."""
    return keys.certificate


def _basic(user: str, password: str) -> str:
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
