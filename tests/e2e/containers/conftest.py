"""Fixtures: our command on either OCI runtime, and docker; one of each for all tests of the folder."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.e2e.containers.engines import Engine, image_tar, running_docker, running_entrepot


@pytest.fixture(scope="package")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the image, as a tar."""
    return image_tar(tmp_path_factory.mktemp("image"))


@pytest.fixture(scope="package")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """Variables by which Python keeps what it has compiled, beside the tests and not in the source."""
    return {"PYTHONPYCACHEPREFIX": str(tmp_path_factory.mktemp("compiled"))}


@pytest.fixture(scope="package")
def on_oci(tmp_path_factory: pytest.TempPathFactory, packed: Path, quick: Mapping[str, str]) -> Iterator[Engine]:
    """entrepot on entrepot-oci."""
    with running_entrepot("entrepot-oci", tmp_path_factory.mktemp("oci"), packed, quick) as engine:
        yield engine


@pytest.fixture(scope="package")
def on_runc(tmp_path_factory: pytest.TempPathFactory, packed: Path, quick: Mapping[str, str]) -> Iterator[Engine]:
    """entrepot on runc."""
    with running_entrepot("runc", tmp_path_factory.mktemp("runc"), packed, quick) as engine:
        yield engine


@pytest.fixture(scope="package")
def on_docker(packed: Path) -> Iterator[Engine]:
    """docker on dockerd."""
    assert os.geteuid() == 0, "these tests make containers and must run as root"
    with running_docker(packed) as engine:
        yield engine


@pytest.fixture(params=("on_oci", "on_runc", "on_docker"))
def engine(request: pytest.FixtureRequest) -> Engine:
    """Each of the three: what a test expects of it is so with docker as well."""
    found: Engine = request.getfixturevalue(request.param)
    return found


@pytest.fixture(params=("on_oci", "on_runc"))
def entrepot(request: pytest.FixtureRequest) -> Engine:
    """Each of ours."""
    found: Engine = request.getfixturevalue(request.param)
    return found
