"""Pushing to a real registry: the bytes that came are the bytes that go, and what is there is not sent."""

import json
import re
from collections.abc import Callable
from pathlib import Path

from tests.e2e.layout import DOCKER_MANIFEST, Layout
from tests.e2e.processes import run
from tests.e2e.tools import system_tool
from tests.protocol.server import running
from tests.runtime.images.conftest import Registry, write_tar
from tests.runtime.images.hosts import Host


def skopeo(*words: str | Path) -> str:
    """What skopeo says."""
    return run([system_tool("skopeo"), *words]).out


def test_a_push_to_another_repository_mounts_and_sends_nothing(registry: Registry, host: Host) -> None:
    host.run("pull", "-q", f"{registry.host}/team/app:1")
    host.run("tag", f"{registry.host}/team/app:1", f"{registry.host}/other/app:2")
    lines = host.run("push", f"{registry.host}/other/app:2").splitlines()
    digest = registry.layout.digest_of("app")
    assert lines[-1].startswith(f"2: digest: {digest} size: ")
    assert sum(": Mounted from team/app" in line for line in lines) == 4
    assert sum(int(str(line["received"])) for line in registry.requests("PUT", "/other/app/blobs/")) == 0
    assert sum(int(str(line["received"])) for line in registry.requests("PATCH", "/other/app/blobs/")) == 0
    again = host.run("push", f"{registry.host}/other/app:2").splitlines()
    assert sum(line.endswith(": Layer already exists") for line in again) == 4
    assert f"{registry.host}/other/app@{digest}" in host.inspect(f"{registry.host}/other/app:2")["RepoDigests"]


def test_another_registry_gets_the_same_bytes(registry: Registry, host: Host, tmp_path: Path) -> None:
    host.run("pull", "-q", f"{registry.host}/team/app:1")
    with running(tmp_path, {"ENTREPOT_STORAGE_LINKS": "false"}) as server:
        target = f"127.0.0.1:{server.port}/copy/app:1"
        host.run("tag", f"{registry.host}/team/app:1", target)
        lines = host.run("push", target).splitlines()
        assert sum(line.endswith(": Pushed") for line in lines) == 4
        pulled = Layout.create(tmp_path / "pulled")
        skopeo("copy", "-q", "--src-tls-verify=false", f"docker://{target}", f"oci:{pulled.path}:app")
        assert pulled.digest_of("app") == registry.layout.digest_of("app")
        pulled.check(pulled.digest_of("app"))
        host.run("tag", target, f"127.0.0.1:{server.port}/copy/app:2")
        assert "-q" not in host.run("push", "-a", "-q", f"127.0.0.1:{server.port}/copy/app")
        tags = json.loads(skopeo("list-tags", "--tls-verify=false", f"docker://127.0.0.1:{server.port}/copy/app"))
        assert tags["Tags"] == ["1", "2"]


def test_docker_manifests_stay_what_they_are(registry: Registry, host: Host) -> None:
    source = f"docker://{registry.host}/team/plain:1"
    target = f"docker://{registry.host}/docker/app:1"
    flags = ["--src-tls-verify=false", "--dest-tls-verify=false", "--format", "v2s2"]
    skopeo("copy", "-q", *flags, source, target)
    raw = skopeo("inspect", "--raw", "--tls-verify=false", target)
    assert json.loads(raw)["mediaType"] == DOCKER_MANIFEST
    host.run("pull", "-q", f"{registry.host}/docker/app:1")
    host.run("tag", f"{registry.host}/docker/app:1", f"{registry.host}/docker/again:1")
    host.run("push", f"{registry.host}/docker/again:1")
    assert skopeo("inspect", "--raw", "--tls-verify=false", f"docker://{registry.host}/docker/again:1") == raw


def test_a_plain_layer_is_compressed_once(registry: Registry, new_host: Callable[[], Host], tmp_path: Path) -> None:
    name = f"{registry.host}/made/here:1"
    digests = []
    for host in (new_host(), new_host()):
        host.run("import", write_tar(tmp_path / "made.tar", {"made": b"here " * 10_000}), name)
        digests += re.findall(r"digest: (\S+)", host.run("push", name))
        assert host.inspect(name)["RepoDigests"] == [f"{registry.host}/made/here@{digests[-1]}"]
    layers = json.loads(skopeo("inspect", "--raw", "--tls-verify=false", f"docker://{name}"))["layers"]
    assert [layer["mediaType"] for layer in layers] == ["application/vnd.oci.image.layer.v1.tar+gzip"]
    assert layers[0]["size"] < 5000
    other = new_host()
    other.run("pull", "-q", name)
    assert other.inspect(name)["Id"] == host.inspect(name)["Id"]


def test_what_cannot_be_pushed_is_told(registry: Registry, host: Host) -> None:
    assert "no such image" in host.refused("push", f"{registry.host}/team/none:1")
    assert "digest" in host.refused("push", f"{registry.host}/team/app@sha256:{'0' * 64}", code=125)
    host.run("import", "-", "127.0.0.1:1/gone:1", given=b"\0" * 10240)
    assert "127.0.0.1:1" in host.refused("push", "127.0.0.1:1/gone:1")
