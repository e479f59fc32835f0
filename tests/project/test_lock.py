"""What development installs is locked: every dependency is pinned with hashes, and what the lock pins is allowed."""

import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.project.source import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
DECLARED = {
    "requirements.lock": [*PROJECT["project"]["dependencies"], *PROJECT["dependency-groups"]["dev"]],
    "requirements-fuzz.lock": PROJECT["dependency-groups"]["fuzz"],
    "deploy/requirements.lock": [
        *PROJECT["project"]["dependencies"],
        *(wanted for extra in ("s3", "postgres") for wanted in PROJECT["project"]["optional-dependencies"][extra]),
    ],
    "deploy/pip.lock": ["pip"],
}


@pytest.mark.parametrize("lock", DECLARED)
def test_declared_and_locked_agree(lock: str) -> None:
    text = (ROOT / lock).read_text()
    pinned = dict(re.findall(r"^([\w.-]+)==([\w.+!-]+)(?: ; .+)? \\$", text, re.MULTILINE))
    for requirement in map(Requirement, DECLARED[lock]):
        version = pinned.get(canonicalize_name(requirement.name))
        assert version is not None, f"{requirement.name} is not in {lock}: make lock"
        assert requirement.specifier.contains(version), f"{lock} pins {requirement.name} {version}: make lock"
    declared = {canonicalize_name(Requirement(wanted).name) for wanted in DECLARED[lock]}
    direct = re.findall(
        r"^([\w.-]+)==.+\n(?:    --hash.+\n)+    # via .*entrepot \(pyproject\.toml\)", text, re.MULTILINE
    )
    assert set(direct) <= declared, f"{lock} pins what pyproject.toml no longer wants: make lock"


@pytest.mark.parametrize("lock", DECLARED)
def test_every_pin_has_hashes_and_names_no_host(lock: str) -> None:
    text = (ROOT / lock).read_text()
    entries = re.split(r"^(?=[\w.-]+==)", text, flags=re.MULTILINE)[1:]
    assert all("--hash=sha256:" in entry for entry in entries)
    assert "://" not in text


def test_the_image_has_the_versions_that_are_tested() -> None:
    pins = {
        lock: set(re.findall(r"^[\w.-]+==[\w.+!-]+", (ROOT / lock).read_text(), re.MULTILINE))
        for lock in ("requirements.lock", "deploy/requirements.lock")
    }
    assert pins["deploy/requirements.lock"] < pins["requirements.lock"]
