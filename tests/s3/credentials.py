"""Temporary credentials, and those who hand them out.

The gateway is a security token service too: what it gives to a user of its own it checks with each request and each
signed URL. The endpoints are what boto3's own chain asks on an instance (IMDSv2), in a pod, and, with the token of a
service account, of AWS's security token service, in the form that its API describes.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import boto3
import urllib3
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.s3.servers import S3Server

PATIENCE = 30.0
ROLE = "registry"
METADATA = "/latest/meta-data/iam/security-credentials/"
ARN = f"arn:aws:iam::123456789012:role/{ROLE}"

NOTHING_OF_AWS = {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "false",
}
"""Variables of a process that finds no keys but those of a role."""

WEB_IDENTITY = """<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>{AccessKeyId}</AccessKeyId>
<SecretAccessKey>{SecretAccessKey}</SecretAccessKey><SessionToken>{Token}</SessionToken>
<Expiration>{Expiration}</Expiration></Credentials></AssumeRoleWithWebIdentityResult>
</AssumeRoleWithWebIdentityResponse>"""
REFUSED = """<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>
<Code>{}</Code><Message>not a token of this cluster</Message></Error></ErrorResponse>"""


@dataclass(frozen=True)
class Keys:
    """Of a session."""

    access_key: str
    secret_key: str
    session_token: str


def user_of(server: S3Server, policy: Mapping[str, object] | None = None) -> tuple[str, str]:
    """The keys of a new user of the gateway, who may do what the policy says, or all."""
    name, password = f"user-{secrets.token_hex(4)}", secrets.token_hex(16)
    user = json.dumps({"secretKey": password, "status": "enabled"}).encode()
    _administer(server, f"add-user?accessKey={name}", _sealed(server.secret_key, user))
    chosen = "readwrite"
    if policy is not None:
        chosen = f"policy-{name}"
        _administer(server, f"add-canned-policy?name={chosen}", json.dumps(policy).encode())
    _administer(server, f"set-user-or-group-policy?isGroup=false&policyName={chosen}&userOrGroup={name}", b"")
    return name, password


def session_of(server: S3Server, policy: Mapping[str, object] | None = None) -> Keys:
    """A session of such a user."""
    name, password = user_of(server, policy)
    tokens = boto3.client(
        "sts",
        endpoint_url=server.endpoint,
        region_name=server.region,
        aws_access_key_id=name,
        aws_secret_access_key=password,
    )
    given = tokens.assume_role(RoleArn=ARN, RoleSessionName="tests")["Credentials"]
    return Keys(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])


def _administer(server: S3Server, target: str, body: bytes) -> None:
    request = AWSRequest("PUT", f"{server.endpoint}/minio/admin/v3/{target}", data=body)
    S3SigV4Auth(Credentials(server.access_key, server.secret_key), "s3", server.region).add_auth(request)
    ready = request.prepare()
    deadline = time.monotonic() + PATIENCE
    with urllib3.PoolManager() as pool:
        while True:
            answer = pool.request("PUT", ready.url, body=body, headers=dict(ready.headers))
            if b"Server not initialized" not in answer.data or time.monotonic() > deadline:
                break
            time.sleep(0.05)  # it takes objects a moment before it takes users
    assert answer.status == 200, answer.data


def _sealed(password: str, data: bytes) -> bytes:
    """As the gateway wants secrets: a key from the password, and one piece of AES-GCM, marked as the last."""
    salt, nonce = os.urandom(32), os.urandom(8)
    cipher = AESGCM(hashlib.pbkdf2_hmac("sha256", password.encode(), salt, 8192, 32))
    mark = b"\x80" + cipher.encrypt(nonce + (0).to_bytes(4, "little"), b"", b"")
    return salt + b"\x02" + nonce + cipher.encrypt(nonce + (1).to_bytes(4, "little"), data, mark)


@dataclass
class Roles:
    """Hands out the keys it is given, as those of an instance's role and of a pod's. `asked` are paths, in order."""

    keys: Keys
    lasting: timedelta = timedelta(hours=6)
    asked: list[str] = field(default_factory=list)
    token: str = field(default_factory=secrets.token_hex)
    port: int = 0

    @property
    def of_instance(self) -> dict[str, str]:
        """The variables of a process on an instance with this role."""
        return NOTHING_OF_AWS | {"AWS_EC2_METADATA_SERVICE_ENDPOINT": f"http://127.0.0.1:{self.port}"}

    @property
    def of_pod(self) -> dict[str, str]:
        """The variables of a process in a pod with this role."""
        return NOTHING_OF_AWS | {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://127.0.0.1:{self.port}/pod",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": self.token,
        }

    def of_service_account(self, file: Path) -> dict[str, str]:
        """The variables of a process in a pod with a service account, whose token is in the file."""
        return NOTHING_OF_AWS | {
            "AWS_ROLE_ARN": ARN,
            "AWS_WEB_IDENTITY_TOKEN_FILE": str(file),
            "AWS_ENDPOINT_URL_STS": f"http://127.0.0.1:{self.port}/sts",
        }

    def spoil(self) -> Keys:
        """Hand out keys that nobody takes from now on; those that were handed out until now."""
        right, self.keys = self.keys, replace(self.keys, secret_key="changed")
        return right

    def shown(self) -> dict[str, str]:
        """What is handed out."""
        now = datetime.now(UTC)
        return {
            "Code": "Success",
            "Type": "AWS-HMAC",
            "AccessKeyId": self.keys.access_key,
            "SecretAccessKey": self.keys.secret_key,
            "Token": self.keys.session_token,
            "LastUpdated": f"{now:%Y-%m-%dT%H:%M:%SZ}",
            "Expiration": f"{now + self.lasting:%Y-%m-%dT%H:%M:%SZ}",
        }

    def answer_form(self, path: str, form: Mapping[str, list[str]]) -> tuple[int, str]:
        """What the security token service says."""
        (action,) = form["Action"]
        self.asked.append(f"POST {path} {action}")
        if action != "AssumeRoleWithWebIdentity" or form["RoleArn"] != [ARN]:
            return 400, REFUSED.format("InvalidAction")
        if form["WebIdentityToken"] != [self.token]:
            return 400, REFUSED.format("InvalidIdentityToken")
        return 200, WEB_IDENTITY.format_map(self.shown())

    def answer(self, method: str, path: str, headers: Mapping[str, str]) -> tuple[int, str]:
        """Only who has asked for a token is told anything, as an instance says that wants IMDSv2."""
        self.asked.append(f"{method} {path}")
        if (method, path) == ("PUT", "/latest/api/token"):
            return (200, self.token) if "x-aws-ec2-metadata-token-ttl-seconds" in headers else (400, "")
        named = headers.get("authorization" if path == "/pod" else "x-aws-ec2-metadata-token")
        if method != "GET" or named != self.token:
            return 401, ""
        if path == METADATA:
            return 200, ROLE
        return (200, json.dumps(self.shown())) if path in {"/pod", METADATA + ROLE} else (404, "")


@contextmanager
def roles(keys: Keys) -> Iterator[Roles]:
    """One that answers on a port of its own meanwhile."""
    made = Roles(keys)

    class Handler(BaseHTTPRequestHandler):
        def _do(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            self._say(*made.answer(self.command, self.path, headers))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self._say(*made.answer_form(self.path, parse_qs(body.decode())))

        def _say(self, status: int, text: str) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        do_GET = do_PUT = _do

        def log_message(self, *_: Any) -> None:  # noqa: ANN401 - as the base has it
            """Nothing: `asked` tells."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, name="roles")
        thread.start()
        try:
            yield made
        finally:
            server.shutdown()
            thread.join()
