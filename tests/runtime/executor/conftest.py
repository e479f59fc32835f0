"""Runtimes, bundles, and a control group of the tests' own that is gone afterwards."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runtime.executor.bundles import OURS, RUNC, Bundle, Runtime

CGROUPS = Path("/sys/fs/cgroup")


@pytest.fixture(scope="session")
def parent_group() -> Iterator[str]:
    """The path of the group under which all containers of this session stand."""
    name = f"entrepot-oci-{os.getpid()}"
    yield f"/{name}"
    for hierarchy in CGROUPS.iterdir():
        if hierarchy.is_dir() and (hierarchy / name).is_dir():
            (hierarchy / name).rmdir()  # a container that was left behind makes this fail


@pytest.fixture
def bundle(tmp_path: Path, parent_group: str) -> Bundle:
    """A fresh bundle; its container is called as its group, box."""
    return Bundle(tmp_path / "bundle", f"{parent_group}/box")


@pytest.fixture
def ours(tmp_path: Path) -> Iterator[Runtime]:
    """Our runtime; its containers are deleted at the end."""
    runtime = Runtime(OURS, tmp_path / "ours")
    yield runtime
    if runtime.root.is_dir():
        for each in runtime.root.glob("[!.]*"):
            runtime.ok("delete", "--force", each.name)


@pytest.fixture
def runc(tmp_path: Path) -> Runtime:
    """The reference, for comparison in the foreground."""
    return Runtime(RUNC, tmp_path / "runc")
