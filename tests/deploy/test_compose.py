"""compose.yaml: read by docker-compose, refuses to go without secrets; what make-secrets makes is what it needs."""

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from registry.config import load
from tests.e2e.processes import clean_environment, run
from tests.e2e.tools import system_tool
from tests.project.source import ROOT
from tests.s3.servers import client, gateway

DEPLOY = ROOT / "deploy"
COMPOSE = DEPLOY / "compose.yaml"


def compose(folder: Path, **variables: str) -> dict[str, Any]:
    """The file as docker-compose understands it."""
    env = {**clean_environment(folder), **variables}
    found: dict[str, Any] = yaml.safe_load(run([system_tool("docker-compose"), "-f", COMPOSE, "config"], env=env).out)
    return found


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    """What make-secrets makes."""
    folder = tmp_path / "secrets"
    run([DEPLOY / "make-secrets", folder])
    return folder


def test_every_part_is_held_tightly(tmp_path: Path) -> None:
    services = compose(tmp_path, ANONYMOUS="pull")["services"]
    assert set(services) == {"registry", "bucket", "postgres", "s3", "s3-folder"}
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert not service.get("privileged")
        # Passwords are in no variable, so that nothing shows them; and only the registry is reached from outside.
        assert not re.search(r"(?i)(password|secret_key)[^_]*=", json.dumps(service.get("environment", {})))
        assert ("ports" in service) == (name == "registry")
    assert {name for name, service in services.items() if "cap_add" in service} == {"s3-folder"}
    checks = {name: service["healthcheck"]["test"] for name, service in services.items() if "healthcheck" in service}
    assert checks.pop("bucket") == ["NONE"]
    assert set(checks) == {"postgres", "s3"}
    waited = {name: part["condition"] for name, part in services["registry"]["depends_on"].items()}
    assert waited == {"postgres": "service_healthy", "bucket": "service_completed_successfully"}


def test_it_is_reached_from_this_machine_only_unless_told(tmp_path: Path) -> None:
    assert compose(tmp_path, ANONYMOUS="pull")["services"]["registry"]["ports"] == ["127.0.0.1:5000:5000/tcp"]


def test_it_does_not_go_without_a_choice(tmp_path: Path) -> None:
    env = clean_environment(tmp_path)
    done = run([system_tool("docker-compose"), "-f", COMPOSE, "config"], env=env, check=False)
    assert done.code != 0
    assert "say what clients may do" in done.err


def test_every_secret_is_one_that_is_made_and_there_is_no_other(tmp_path: Path, secrets: Path) -> None:
    found = compose(tmp_path, ANONYMOUS="pull", SECRETS=str(secrets))
    files = {Path(secret["file"]) for secret in found["secrets"].values()}
    assert files == set(secrets.iterdir())
    assert secrets.stat().st_mode & 0o777 == 0o700
    used = {secret["source"] for service in found["services"].values() for secret in service.get("secrets", [])}
    assert used == set(found["secrets"])
    # In the checkout there are none that would be taken by default.
    assert not (DEPLOY / "secrets").exists()


def test_the_passwords_are_random_and_the_same_on_both_sides(tmp_path: Path, secrets: Path) -> None:
    config = load(str(secrets / "entrepot.toml"), {"ENTREPOT_ACCESS_ANONYMOUS": "pull"}, {}).config
    [identity] = json.loads((secrets / "s3.json").read_text())["identities"]
    assert identity["credentials"] == [{"accessKey": config.s3.access_key, "secretKey": config.s3.secret_key}]
    password = (secrets / "postgres_password").read_text()
    assert config.database.url == f"postgresql://entrepot:{password}@postgres/entrepot"
    run([DEPLOY / "make-secrets", tmp_path / "others"])
    for name in ("postgres_password", "s3.json", "entrepot.toml"):
        assert (tmp_path / "others" / name).read_text() != (secrets / name).read_text()


def test_secrets_that_are_there_are_left_alone(secrets: Path) -> None:
    before = (secrets / "postgres_password").read_text()
    assert run([DEPLOY / "make-secrets", secrets], check=False).code == 1
    assert (secrets / "postgres_password").read_text() == before


def make_bucket(**variables: str) -> tuple[int, str]:
    """The script of the service `bucket`, with these settings."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("ENTREPOT_", "AWS_"))}

    command: list[str | Path] = [sys.executable, DEPLOY / "make_bucket.py"]
    settings = {f"ENTREPOT_{name}": value for name, value in variables.items()}
    done = run(command, env={**env, **settings, "PYTHONPATH": str(ROOT)}, check=False)
    return done.code, done.err


def test_the_bucket_is_made_once(tmp_path: Path) -> None:
    with gateway(tmp_path) as server:
        settings = {
            "STORAGE_DRIVER": "s3",
            "S3_BUCKET": "registry",
            "S3_ENDPOINT": server.endpoint,
            "S3_ACCESS_KEY": server.access_key,
            "S3_SECRET_KEY": server.secret_key,
        }
        assert make_bucket(**settings) == (0, "")
        assert [bucket["Name"] for bucket in client(server).list_buckets()["Buckets"]] == ["registry"]
        assert make_bucket(**settings) == (0, "")
        code, said = make_bucket(**{**settings, "S3_SECRET_KEY": "wrong"})
        assert code == 1
        assert said.startswith("cannot make the bucket: ")
        assert said.count("\n") == 1
