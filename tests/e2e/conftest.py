"""Fixtures: one registry, one set of images, and one engine of each kind for the whole run; clients with empty homes.

Tests keep apart by repository name: each test file pushes under its own first component.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.clients import Client, ContainersSettings, built_client, skopeo_at
from tests.e2e.composed import make_image
from tests.e2e.engines import Containerd, running_containerd, running_dockerd, short_folder
from tests.e2e.images import Images, debian_tar, make_images
from tests.e2e.server import Registry
from tests.e2e.tools import GO_TOOLS, go_tool

HERE = Path(__file__).parent
# Where podman's manifest commands, whatever their settings, note which layers a registry has.
KNOWN_LAYERS = Path("/var/lib/containers/cache/blob-info-cache-v1.boltdb")


def pytest_collection_finish(session: pytest.Session) -> None:
    """Build what the chosen tests need and the cache lacks before any test's time is running."""
    items = [item for item in session.items if isinstance(item, pytest.Function) and HERE in item.path.parents]
    if session.config.option.collectonly:
        return
    used = {name for item in items for name in item.fixturenames}
    if "containerd" in used:
        used |= {"containerd-shim-runc-v2", "ctr", "docker-proxy", "dockerd"}
    if "replicas" in used:
        used |= {"weed"}
    for name in sorted(used & GO_TOOLS.keys()):
        go_tool(name)
    if "images" in used:
        debian_tar()


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """The server most tests share; it must survive them all and stop in order."""
    server = Registry(tmp_path_factory.mktemp("registry"))
    server.start()
    try:
        yield server
        server.stop()
    finally:
        server.close()


@pytest.fixture
def own_registry(tmp_path: Path) -> Iterator[Registry]:
    """A started server for one test alone, which may stop it and start it again."""
    server = Registry(tmp_path)
    server.start()
    try:
        yield server
        if server.running:
            server.stop()
    finally:
        server.close()


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Images:
    """The images to push, as one OCI layout."""
    return make_images(tmp_path_factory.mktemp("images"))


@pytest.fixture(scope="session", params=["debian", "newest"])
def containerd(request: pytest.FixtureRequest) -> Iterator[Containerd]:
    """A containerd of our own; what needs it runs with Debian's and with the newest."""
    with running_containerd(request.param) as running:
        yield running


@pytest.fixture(scope="session")
def docker(containerd: Containerd, registry: Registry) -> Iterator[Client]:
    """The docker command with a Docker engine of our own behind it."""
    with running_dockerd(containerd, registry.host) as client:
        yield client


@pytest.fixture(scope="session")
def image(docker: Client) -> str:
    """The id of the registry's image, built on that engine."""
    return make_image(docker)


@pytest.fixture(scope="session")
def ctr(containerd: Containerd) -> Client:
    """containerd's own command, in a namespace of its own."""
    return Client(containerd.ctr, containerd.env, ("--address", str(containerd.socket), "--namespace", "tests"))


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty home folder for the clients that keep settings or caches there."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def crane(home: Path) -> Client:
    """crane, of go-containerregistry."""
    return built_client("crane", home)


@pytest.fixture(scope="session")
def oras(home: Path) -> Client:
    """oras."""
    return built_client("oras", home)


@pytest.fixture(scope="session")
def skopeo(home: Path) -> Client:
    """skopeo, which takes its options for plain HTTP per side of a copy."""
    return skopeo_at(home)


@pytest.fixture(scope="session")
def containers() -> Iterator[ContainersSettings]:
    """Settings and storage of their own for podman and buildah, emptied at the end."""
    existed = KNOWN_LAYERS.exists()
    with short_folder("storage") as folder:
        yield ContainersSettings.write(folder)
    if not existed:
        KNOWN_LAYERS.unlink(missing_ok=True)
        for folder in KNOWN_LAYERS.parents[:2]:
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()


@pytest.fixture(scope="session")
def podman(containers: ContainersSettings) -> Client:
    """podman with runc."""
    return containers.client("podman")


@pytest.fixture(scope="session")
def buildah(containers: ContainersSettings) -> Client:
    """buildah on podman's storage."""
    return containers.client("buildah")


@pytest.fixture(autouse=True)
def _still_serving(request: pytest.FixtureRequest) -> Iterator[None]:
    """After each test the shared server still answers, and no request of the test ended in a server error."""
    yield
    if "registry" in request.fixturenames:
        server: Registry = request.getfixturevalue("registry")
        assert server.server_errors() == []
