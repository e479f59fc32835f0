"""Images in files: ours are read by others, others' by us, and what is damaged is refused."""

import gzip
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.layout import Layout
from tests.e2e.processes import run
from tests.e2e.tools import system_tool
from tests.runtime.images.conftest import Registry, write_tar
from tests.runtime.images.hosts import Host


def skopeo(*words: str | Path) -> str:
    """What skopeo says."""
    return run([system_tool("skopeo"), *words]).out


@pytest.fixture
def saved(registry: Registry, host: Host, tmp_path: Path) -> Path:
    """An archive that we wrote, with an image under two names."""
    host.run("pull", "-q", f"{registry.host}/team/app:1")
    host.run("tag", f"{registry.host}/team/app:1", "app:x")
    host.run("tag", "app:x", "app:y")
    host.run("save", "-o", tmp_path / "saved.tar", "app")
    return tmp_path / "saved.tar"


def test_skopeo_reads_what_we_save_in_both_forms(registry: Registry, saved: Path, tmp_path: Path) -> None:
    listed = json.loads(skopeo("inspect", f"docker-archive:{saved}:docker.io/library/app:x"))
    assert listed["Layers"] == [layer.diff_id for layer in registry.layers]
    unpacked = Layout.create(tmp_path / "unpacked")
    skopeo("copy", "-q", f"docker-archive:{saved}:docker.io/library/app:y", f"oci:{unpacked.path}:y")
    unpacked.check(unpacked.digest_of("y"))
    digest = skopeo("inspect", "-f", "{{.Digest}}", f"oci-archive:{saved}:x").strip()
    assert digest == registry.layout.digest_of("app")
    with tarfile.open(saved) as tar:
        assert all(member.isreg() and not member.name.startswith(("/", ".")) for member in tar)


def test_what_is_saved_is_loaded(saved: Path, host: Host, new_host: Callable[[], Host]) -> None:
    other = new_host()
    packed = gzip.compress(saved.read_bytes(), 1)
    assert other.run("load", "-q", given=packed) == "Loaded image: app:x\nLoaded image: app:y\n"
    for key in ("Id", "RootFS", "Config", "Descriptor", "Size"):
        assert other.inspect("app:x")[key] == host.inspect("app:x")[key]
    assert other.content() == host.content()
    assert other.raw("save", "app:x", "app:y") == saved.read_bytes()


def test_a_docker_archive_of_another_is_loaded(registry: Registry, host: Host, tmp_path: Path) -> None:
    file = tmp_path / "docker.tar"
    skopeo("copy", "-q", f"oci:{registry.layout.path}:plain", f"docker-archive:{file}:docker.io/library/theirs:1")
    assert "Loaded image: theirs:1" in host.run("load", "-i", file)
    config = registry.layout.json_of(registry.layout.json_of(registry.layout.digest_of("plain"))["config"]["digest"])
    assert host.inspect("theirs:1")["RootFS"]["Layers"] == config["rootfs"]["diff_ids"]
    host.run("tag", "theirs:1", f"{registry.host}/theirs:1")
    host.run("push", f"{registry.host}/theirs:1")
    layers = json.loads(skopeo("inspect", "--tls-verify=false", f"docker://{registry.host}/theirs:1"))["Layers"]
    assert len(layers) == len(config["rootfs"]["diff_ids"])


def test_an_oci_layout_is_loaded_for_this_machine(registry: Registry, host: Host, tmp_path: Path) -> None:
    file = tmp_path / "layout.tar"
    layout = Layout.create(tmp_path / "layout")
    skopeo("copy", "-q", "--all", f"oci:{registry.layout.path}:multi", f"oci:{layout.path}:multi")
    run([system_tool("tar"), "-C", layout.path, "-cf", file, "."])
    assert "Loaded image: multi:latest" in host.run("load", "-i", file)
    assert host.inspect("multi")["Architecture"] == "amd64"
    assert host.inspect("multi")["Descriptor"]["digest"] == registry.layout.digest_of("app")


def rewritten(source: Path, target: Path, change: Callable[[str, bytes], bytes | None]) -> Path:
    """The archive with its members changed, or left out."""
    with tarfile.open(source) as tar:
        members = {member.name: tar.extractfile(member) for member in tar}
        files = {name: change(name, file.read()) for name, file in members.items() if file is not None}
    return write_tar(target, {name: data for name, data in files.items() if data is not None})


def test_what_is_damaged_is_refused_and_leaves_nothing(
    saved: Path, new_host: Callable[[], Host], tmp_path: Path
) -> None:
    whole = saved.read_bytes()
    (tmp_path / "cut.tar").write_bytes(whole[: len(whole) // 2])
    rewritten(saved, tmp_path / "bits.tar", lambda name, data: data[:-1] + b"!" if name.startswith("blobs") else data)
    rewritten(saved, tmp_path / "less.tar", lambda name, data: data if len(data) < 1_000_000 else None)
    rewritten(saved, tmp_path / "json.tar", lambda name, data: b"{" if name.endswith(".json") else data)
    write_tar(tmp_path / "other.tar", {"etc/passwd": b"not an image"})
    (tmp_path / "text.tar").write_text("this is no archive\n")
    host = new_host()
    for name in ("cut", "bits", "less", "json", "other", "text"):
        said = host.refused("load", "-i", tmp_path / f"{name}.tar")
        assert "archive" in said
    assert host.run("images", "-aq") == ""
    assert host.content() == set()


def test_members_name_no_file_of_ours(host: Host, tmp_path: Path) -> None:
    planted = tmp_path / "planted"
    with tarfile.open(tmp_path / "evil.tar", "w") as tar:
        link = tarfile.TarInfo("blobs/sha256/link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
        entry = tarfile.TarInfo(f"../../../../../..{planted}")
        tar.addfile(entry)
        listed = tarfile.TarInfo("manifest.json")
        payload = json.dumps([{"Config": "blobs/sha256/link", "RepoTags": ["evil:1"], "Layers": []}]).encode()
        listed.size = len(payload)
        import_file = tmp_path / "payload"
        import_file.write_bytes(payload)
        with import_file.open("rb") as file:
            tar.addfile(listed, file)
    assert "not in the archive" in host.refused("load", "-i", tmp_path / "evil.tar")
    assert not planted.exists()


def test_import_makes_an_image(host: Host, tmp_path: Path) -> None:
    file = write_tar(tmp_path / "root.tar", {"etc": None, "etc/name": b"imported\n"})
    changes = ["-c", "CMD cat /etc/name", "-c", "ENV A=1", "-m", "by hand"]
    image_id = host.run("import", *changes, file, "made:1").strip()
    document = host.inspect("made:1")
    assert document["Id"] == image_id
    assert document["Config"] == {"Cmd": ["/bin/sh", "-c", "cat /etc/name"], "Env": ["A=1"]}
    assert "by hand" in host.run("history", "made:1")
    again = host.run("import", "-", given=gzip.compress(file.read_bytes())).strip()
    assert host.inspect(again)["RootFS"] == document["RootFS"]
    assert host.inspect(again[7:15])["RepoTags"] == []
    assert "FROM" in host.refused("import", "-c", "FROM x", file)
    assert "no such file" in host.refused("import", tmp_path / "nothing")


def test_import_from_a_url(registry: Registry, host: Host) -> None:
    layer = registry.layers[0].descriptor["digest"]
    host.run("import", f"http://{registry.host}/v2/team/app/blobs/{layer}", "by:url")
    assert host.inspect("by:url")["RootFS"]["Layers"] == [registry.layers[0].diff_id]
    assert "404" in host.refused("import", f"http://{registry.host}/v2/none/blobs/{layer}")
