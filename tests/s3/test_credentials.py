"""Session credentials, and those of roles by boto3's own chain, against a server that checks tokens and signatures."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path

import pytest
import urllib3

from storage import paths
from storage.checked import Checked
from storage.drivers import load
from storage.errors import NotFound, ReadOnly, StorageError
from tests.protocol.content import Repository, noise
from tests.protocol.server import PROJECT
from tests.s3.credentials import ARN, METADATA, NOTHING_OF_AWS, ROLE, Keys, Roles, roles, session_of, user_of
from tests.s3.registry import PART, Bucket, registry_on, repository
from tests.s3.servers import S3Server

BLOB = "docker/registry/v2/blobs/sha256/ab/abc/data"
LARGE = noise(2 * PART + 54_321, "credentials")
UNKNOWN = ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_DEFAULT_PROFILE")
UNSAID = {"ENTREPOT_S3_ACCESS_KEY": "", "ENTREPOT_S3_SECRET_KEY": ""}


Give = Callable[[Mapping[str, str]], None]


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> Give:
    """Gives this process variables."""

    def give(variables: Mapping[str, str]) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return give


@pytest.fixture(scope="module")
def session(s3: S3Server) -> Keys:
    return session_of(s3)


def driver(bucket: Bucket, **given: str) -> Checked:
    settings: dict[str, object] = {
        "bucket": bucket.name,
        "endpoint": bucket.proxy.endpoint,
        "region": bucket.server.region,
        "addressing": "path",
        "attempts": 1,
        "part_size": PART,
    }
    return Checked(load("s3", **settings, **given))


def all_of_it(driver: Checked, large: bytes = LARGE) -> None:
    """Every kind of request that the driver makes."""
    driver.probe()
    writer = driver.create(paths.upload_data("team/app", "1"))
    writer.write(large)
    place = writer.commit(BLOB)
    assert driver.read(place, len(large) + 1) == large
    left = driver.create(paths.upload_data("team/app", "2"))
    left.write(large)
    left.suspend()
    driver.put("small", b"small")
    assert driver.put_group([("group/1", b"1"), ("group/2", b"2")]) == [None, None]
    assert {path for path, _ in driver.walk("group")} == {"group/1", "group/2"}  # type: ignore[attr-defined]
    assert "small" in set(driver.list(""))
    for upload in list(driver.abandoned(2e9)):  # type: ignore[attr-defined]
        driver.abort(upload)  # type: ignore[attr-defined]
    driver.move("small", "moved")
    url = driver.presign("moved", 60, {})  # type: ignore[attr-defined]
    with urllib3.PoolManager() as pool:
        assert pool.request("GET", url).data == b"small"
    driver.delete("moved")
    driver.delete_tree("group")


def sent_to(used: Repository, digest: str) -> str:
    """The URL that a client who pulls the blob is sent to."""
    answer = used.client.get(used.blob(digest))
    assert answer.status == 307
    return answer.get("location") or ""


def test_a_session_token_goes_along_with_every_request(bucket: Bucket, session: Keys) -> None:
    all_of_it(driver(bucket, **vars(session)))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"session_token": ""}, "S3 does not take the session token"),
        ({"session_token": "guessed"}, "S3 does not take the session token"),
        ({"secret_key": "guessed"}, "S3 does not know the keys"),
    ],
)
def test_a_token_that_is_wrong_is_said(bucket: Bucket, session: Keys, wrong: dict[str, str], said: str) -> None:
    with pytest.raises(ReadOnly, match=said):
        driver(bucket, **(vars(session) | wrong)).probe()


def test_the_documented_policy_is_enough_and_no_more(bucket: Bucket, s3: S3Server) -> None:
    """What docs/s3.md says that the keys must be allowed."""
    found = re.search(r"## Permissions\n+```json\n(.*?)```", (PROJECT / "docs/s3.md").read_text(), re.S)
    assert found
    policy = json.loads(found[1].replace(":::registry", f":::{bucket.name}"))
    all_of_it(driver(bucket, **vars(session_of(s3, policy))))
    for number, statement in enumerate(policy["Statement"]):
        for action in statement["Action"]:
            less = json.loads(json.dumps(policy))
            less["Statement"][number]["Action"].remove(action)
            with pytest.raises(ReadOnly, match="S3 denies the access"):
                all_of_it(driver(bucket, **vars(session_of(s3, less))))


def test_a_registry_with_a_session_sends_clients_to_the_bucket(bucket: Bucket, session: Keys, tmp_path: Path) -> None:
    given = {f"ENTREPOT_S3_{name.upper()}": value for name, value in vars(session).items()}
    with registry_on(bucket, tmp_path, **given, ENTREPOT_S3_REDIRECT="true") as server:
        used = repository(server)
        digest = used.push(LARGE)
        url = sent_to(used, digest)
        assert "X-Amz-Security-Token=" in url
        with urllib3.PoolManager() as pool:
            assert pool.request("GET", url).data == LARGE
        assert session.session_token not in server.log


@pytest.fixture
def role(monkeypatch: pytest.MonkeyPatch, session: Keys) -> object:
    for name in UNKNOWN:
        monkeypatch.delenv(name, raising=False)
    with roles(session) as handing_out:
        yield handing_out


def test_the_role_of_an_instance(bucket: Bucket, role: Roles, tmp_path: Path) -> None:
    """By IMDSv2, as no key is named anywhere; nothing is asked without a token."""
    with registry_on(bucket, tmp_path, **role.of_instance, **UNSAID, ENTREPOT_S3_REDIRECT="true") as server:
        used = repository(server)
        digest = used.push(LARGE)
        with urllib3.PoolManager() as pool:
            assert pool.request("GET", sent_to(used, digest)).data == LARGE
    assert role.asked[:3] == ["PUT /latest/api/token", f"GET {METADATA}", f"GET {METADATA}{ROLE}"]
    assert role.keys.secret_key not in server.log


def test_keys_of_a_pod_are_asked_for_again_before_they_end(
    bucket: Bucket, role: Roles, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in role.of_pod.items():
        monkeypatch.setenv(name, value)
    role.lasting = timedelta(minutes=5)  # less than boto3 wants left
    used = driver(bucket)
    all_of_it(used)
    asked = len(role.asked)
    right = role.spoil()
    with pytest.raises(ReadOnly, match="S3 does not know the keys"):
        used.put("small", b"with those that are handed out now")
    role.keys = right
    used.put("small", b"with the right ones again")
    assert len(role.asked) > asked
    assert set(role.asked) == {"GET /pod"}


def test_no_role_anywhere_is_said(bucket: Bucket, role: Roles, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in role.of_instance.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(role, "answer", lambda *_: (404, ""))
    with pytest.raises(ReadOnly, match="no S3 credentials were found, set s3"):
        driver(bucket).probe()


def test_a_profile_of_the_files(bucket: Bucket, session: Keys, tmp_path: Path) -> None:
    """AWS_PROFILE, with a session's keys in the file of credentials, beside a default that nobody takes."""
    (tmp_path / "credentials").write_text(
        "[default]\naws_access_key_id = nobody\naws_secret_access_key = nothing\n[registry]\n"
        f"aws_access_key_id = {session.access_key}\naws_secret_access_key = {session.secret_key}\n"
        f"aws_session_token = {session.session_token}\n"
    )
    given = NOTHING_OF_AWS | {"AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"), "AWS_PROFILE": "registry"}
    with registry_on(bucket, tmp_path / "server", **given, **UNSAID, ENTREPOT_S3_REDIRECT="true") as server:
        used = repository(server)
        digest = used.push(LARGE)
        with urllib3.PoolManager() as pool:
            assert pool.request("GET", sent_to(used, digest)).data == LARGE
        assert session.secret_key not in server.log


@pytest.mark.usefixtures("role")
def test_a_profile_that_assumes_a_role(bucket: Bucket, s3: S3Server, tmp_path: Path, given: Give) -> None:
    """The keys of a user are good for the token service, which is the gateway's own, and gives others."""
    name, password = user_of(s3)
    (tmp_path / "config").write_text(
        f"[profile registry]\nrole_arn = {ARN}\nsource_profile = user\n"
        f"[profile user]\naws_access_key_id = {name}\naws_secret_access_key = {password}\n"
    )
    variables = {"AWS_CONFIG_FILE": str(tmp_path / "config"), "AWS_ENDPOINT_URL_STS": s3.endpoint}
    given(NOTHING_OF_AWS | variables | {"AWS_PROFILE": "registry"})
    used = driver(bucket)
    all_of_it(used)
    used.put("small", b"small")
    assert f"Credential={name}" not in (used.presign("small", 60, {}) or "")  # type: ignore[attr-defined]


@pytest.mark.usefixtures("role")
def test_a_profile_that_is_not_there_is_said(bucket: Bucket, given: Give) -> None:
    given(NOTHING_OF_AWS | {"AWS_PROFILE": "nowhere"})
    with pytest.raises(ReadOnly, match=r"AWS.s own files .*nowhere"):
        driver(bucket).probe()


def test_the_token_of_a_service_account(bucket: Bucket, role: Roles, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(role.token)
    given = role.of_service_account(file)
    with registry_on(bucket, tmp_path / "server", **given, **UNSAID, ENTREPOT_S3_REDIRECT="true") as server:
        used = repository(server)
        digest = used.push(LARGE)
        with urllib3.PoolManager() as pool:
            assert pool.request("GET", sent_to(used, digest)).data == LARGE
        assert role.token not in server.log
    assert set(role.asked) == {"POST /sts AssumeRoleWithWebIdentity"}


def test_a_token_is_read_again_and_one_that_is_not_taken_loses_nothing(
    bucket: Bucket, role: Roles, tmp_path: Path, given: Give
) -> None:
    """The cluster changes the token in its file; where that is late, or the file is gone, S3 says nothing of blobs."""
    file = tmp_path / "token"
    file.write_text(role.token)
    given(role.of_service_account(file))
    role.lasting = timedelta(minutes=5)  # less than boto3 wants left: they are asked for again with each request
    used = driver(bucket)
    used.put("small", b"small")
    role.token = "changed"
    with pytest.raises(ReadOnly, match=r"a role .*InvalidIdentityToken"):
        used.read("small", 9)
    file.unlink()
    for touch in (lambda: used.read("small", 9), lambda: used.stat("small"), lambda: used.put("small", b"other")):
        with pytest.raises(StorageError, match=str(file)) as caught:
            touch()
        assert not isinstance(caught.value, NotFound)
    file.write_text(role.token)
    assert used.read("small", 9) == b"small"
