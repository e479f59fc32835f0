"""Pulling from a real registry: what is fetched, what is not, and what happens when it is cut off."""

import hashlib
import random
import re
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from tests.e2e.processes import run, wait_until
from tests.e2e.tools import system_tool
from tests.runtime.images.conftest import LARGE, Registry, push, write_tar
from tests.runtime.images.hosts import Host, interrupt_another_thread, kill
from tests.runtime.images.slow_way import slow_way


def test_a_pull_has_everything_verified_and_unpacked(registry: Registry, host: Host) -> None:
    name = f"{registry.host}/team/app:1"
    lines = host.run("pull", name).splitlines()
    digest = registry.layout.digest_of("app")
    assert lines[0] == "1: Pulling from team/app"
    assert lines[-3:] == [f"Digest: {digest}", f"Status: Downloaded newer image for {name}", name]
    for layer in registry.layers:
        short = layer.descriptor["digest"].partition(":")[2][:12]
        steps = [line.partition(": ")[2] for line in lines if line.startswith(f"{short}: ")]
        assert steps[0] == "Pulling fs layer"
        assert "Download complete" in steps
        assert steps[-1] == "Pull complete"
    reached = {digest, *(one["digest"] for one in registry.layout.closure(digest))}
    assert host.content() == reached
    for one in reached:
        assert f"sha256:{hashlib.sha256(host.blob(one).read_bytes()).hexdigest()}" == one
    document = host.inspect(name)
    assert document["RootFS"]["Layers"] == [layer.diff_id for layer in registry.layers]
    assert document["RepoDigests"] == [f"{registry.host}/team/app@{digest}"]
    assert document["Size"] > LARGE
    told = host.run("events", "--since=1m", "--until=0s", "--filter=type=image", "--format={{.Action}} {{.ID}}")
    assert told == f"pull {name}\n"


def test_what_is_here_is_not_fetched_again(registry: Registry, host: Host) -> None:
    for name in ("team/again:1", "team/other:1"):
        push(registry, "plain", name)
    host.run("pull", "-q", f"{registry.host}/team/again:1")
    fetched = len(registry.requests("GET", "/team/again/blobs/"))
    lines = host.run("pull", f"{registry.host}/team/again:1").splitlines()
    assert lines[-2] == f"Status: Image is up to date for {registry.host}/team/again:1"
    assert sum(line.endswith(": Already exists") for line in lines) == 3
    host.run("pull", f"{registry.host}/team/other:1")
    assert len(registry.requests("GET", "/team/again/blobs/")) == fetched == 4
    assert registry.requests("GET", "/team/other/blobs/") == []
    assert len(host.run("images", "-q").splitlines()) == 1
    assert len(host.run("images").splitlines()) == 3


def test_the_platform_is_chosen_and_what_is_not_there_is_told(registry: Registry, host: Host) -> None:
    name = f"{registry.host}/team/multi:1"
    host.run("pull", "--platform", "linux/arm64", name)
    assert host.inspect(name)["Architecture"] == "arm64"
    said = host.refused("pull", "--platform", "linux/s390x", name)
    assert "is not there for linux/s390x; there is linux/arm64/v8, linux/amd64" in said
    assert "for linux/arm64" in host.refused("pull", "--platform", "linux/arm64", f"{registry.host}/team/app:1")
    by_digest = f"{registry.host}/team/multi@{registry.layout.digest_of('multi')}"
    host.run("pull", by_digest)
    assert host.inspect(by_digest)["Architecture"] == "amd64"


def test_what_is_not_in_the_registry_is_an_error(registry: Registry, host: Host) -> None:
    assert "nothing" in host.refused("pull", f"{registry.host}/team/nothing:1")
    assert "127.0.0.1:1" in host.refused("pull", "127.0.0.1:1/team/app")
    assert host.run("images", "-q") == ""


def test_a_pull_goes_on_where_a_killed_one_was(registry: Registry, host: Host) -> None:
    with slow_way(registry.server.port) as way:
        name = f"127.0.0.1:{way.port}/team/app:1"
        way.limit = LARGE // 2
        pulling = host.start("pull", name)
        assert way.stalled.wait(20)
        [large] = [layer for layer in registry.layers if layer.descriptor["size"] > LARGE // 2]
        partial = host.root / "content/partial" / large.descriptor["digest"].replace(":", "-") / "data"
        wait_until(lambda: partial.exists() and partial.stat().st_size > LARGE // 4, "bytes to come")
        kill(pulling)
        kept = partial.stat().st_size
        assert host.run("images", "-q") == ""
        way.open()
        host.run("pull", name)
        assert way.passed < large.descriptor["size"] - kept + LARGE // 4
        assert host.inspect(name)["RepoTags"] == [name]
        assert not partial.exists()
        host.run("image", "inspect", name)


def test_a_layer_is_unpacked_while_it_comes_and_a_kill_leaves_nothing_believed(
    registry: Registry, host: Host, tmp_path: Path
) -> None:
    files: dict[str, bytes | None] = {"first": b"of them", "large": random.Random(2).randbytes(LARGE)}
    layer = registry.layout.add_layer(write_tar(tmp_path / "flow.tar", files))
    registry.layout.tag("flow", registry.layout.add_image([layer]))
    push(registry, "flow", "team/flow:1")
    snapshots = host.root / "snapshots/overlay"
    with slow_way(registry.server.port) as way:
        way.limit = LARGE // 2
        pulling = host.start("pull", f"127.0.0.1:{way.port}/team/flow:1")
        assert way.stalled.wait(20)

        def unpacked() -> bool:
            return any(large.stat().st_size > LARGE // 4 for large in snapshots.glob("aside/*/tree/large"))

        wait_until(unpacked, "what has come to be unpacked")
        assert [first.read_bytes() for first in snapshots.glob("aside/*/tree/first")] == [files["first"]]
        kill(pulling)
        assert (list((snapshots / "committed").iterdir()), host.content() & {layer.descriptor["digest"]}) == ([], set())
        way.open()
        host.run("pull", f"127.0.0.1:{way.port}/team/flow:1")
        assert way.passed < LARGE * 3 // 4
    assert list((snapshots / "aside").iterdir()) == []
    [tree] = snapshots.glob("committed/*/tree")
    assert {name: (tree / name).read_bytes() for name in files} == files


@pytest.mark.parametrize("thread", ["main", "another"])
def test_an_interrupt_ends_a_pull_that_stalls_and_keeps_what_came(registry: Registry, host: Host, thread: str) -> None:
    with slow_way(registry.server.port) as way:
        way.limit = LARGE // 2
        pulling = host.start("pull", f"127.0.0.1:{way.port}/team/plain:1")
        assert way.stalled.wait(20)
        wait_until(lambda: _kept(host) > 0, "bytes to come")
        if thread == "main":
            pulling.send_signal(signal.SIGINT)
        else:
            interrupt_another_thread(pulling)
        _, said = pulling.communicate(timeout=20)
    assert (pulling.returncode, said.strip()) == (130, b"")
    assert _kept(host) > 0


def _kept(host: Host) -> int:
    """How many bytes there are of a layer that has not come whole."""
    sizes = [0]
    for partial in (host.root / "content/partial").glob("*/data"):
        with suppress(FileNotFoundError):  # a small one that came whole meanwhile
            sizes.append(partial.stat().st_size)
    return max(sizes)


def test_what_a_killed_pull_left_may_be_wrong(registry: Registry, host: Host) -> None:
    [large] = [layer for layer in registry.layers if layer.descriptor["size"] > LARGE // 2]
    partial = host.root / "content/partial" / large.descriptor["digest"].replace(":", "-") / "data"
    partial.parent.mkdir(parents=True)
    partial.write_bytes(b"not what it should be")
    host.run("pull", f"{registry.host}/team/app:1")
    assert host.blob(large.descriptor["digest"]).read_bytes() == registry.layout.bytes_of(large.descriptor["digest"])


def test_however_many_pull_at_once_each_blob_is_fetched_once(registry: Registry, host: Host) -> None:
    push(registry, "app", "team/once:1")
    with ThreadPoolExecutor(5) as threads:
        pulls = [threads.submit(host.run, "pull", f"{registry.host}/team/once:1") for _ in range(5)]
        assert all("Status: " in pull.result() for pull in pulls)
    fetched = [str(line["target"]) for line in registry.requests("GET", "/team/once/blobs/")]
    digest = registry.layout.digest_of("app")
    assert sorted(fetched) == sorted(
        {f"/v2/team/once/blobs/{one['digest']}" for one in registry.layout.closure(digest)}
    )


@pytest.mark.parametrize("place", ["middle", "time"])
def test_bytes_that_are_not_those_of_the_digest_are_never_believed(
    registry: Registry, host: Host, tmp_path: Path, place: str
) -> None:
    layer = registry.layout.add_layer(write_tar(tmp_path / "damaged.tar", {"damaged": place.encode() * 1000}))
    registry.layout.tag(place, registry.layout.add_image([layer]))
    push(registry, place, f"team/damaged:{place}")
    file = registry.server.blob_file(layer.descriptor["digest"])
    data = bytearray(file.read_bytes())
    data[len(data) // 2 if place == "middle" else 4] ^= (
        1  # the time in gzip's header makes no difference to what is in it
    )
    file.write_bytes(data)
    said = host.refused("pull", f"{registry.host}/team/damaged:{place}")
    assert layer.descriptor["digest"].partition(":")[2][:12] in said
    assert "damaged" in said
    assert host.run("images", "-q") == ""
    assert layer.descriptor["digest"] not in host.content()
    assert list(host.root.glob("snapshots/overlay/committed/*")) == list(host.root.glob("content/partial/*")) == []


def test_a_layer_that_is_not_what_the_config_says_is_refused(registry: Registry, host: Host, tmp_path: Path) -> None:
    layer = registry.layout.add_layer(write_tar(tmp_path / "one.tar", {"one": b"1"}))
    registry.layout.tag("false", registry.layout.add_image([type(layer)(layer.descriptor, f"sha256:{'0' * 64}")]))
    push(registry, "false", "team/false:1")
    assert "0000" in host.refused("pull", f"{registry.host}/team/false:1")
    assert host.run("images", "-q") == ""


def test_all_tags(registry: Registry, host: Host) -> None:
    for tag in ("a", "b"):
        push(registry, "app", f"team/tags:{tag}")
    host.run("pull", "-a", "-q", f"{registry.host}/team/tags")
    assert sorted(re.findall(r"team/tags +(\w+)", host.run("images"))) == ["a", "b"]


def test_a_mirror_is_asked_first(registry: Registry, new_host: Callable[[], Host]) -> None:
    host = new_host()
    settings = host.folder / "runtime.toml"
    settings.write_text(f'[mirrors]\n"registry.invalid" = ["127.0.0.1:1", "{registry.host}"]\n')
    host.environment["ENTREPOT_RUNTIME_CONFIG"] = str(settings)
    host.run("pull", "-q", "registry.invalid/team/app:1")
    assert host.inspect("registry.invalid/team/app:1")["RepoTags"] == ["registry.invalid/team/app:1"]


def test_what_we_pull_skopeo_reads(registry: Registry, host: Host, tmp_path: Path) -> None:
    host.run("pull", "-q", f"{registry.host}/team/app:1")
    host.run("save", "-o", tmp_path / "app.tar", f"{registry.host}/team/app:1")
    digest = run([system_tool("skopeo"), "inspect", "-f", "{{.Digest}}", f"oci-archive:{tmp_path / 'app.tar'}:1"]).out
    assert digest.strip() == registry.layout.digest_of("app")


def test_a_registry_on_this_machine_shares_its_blobs(registry: Registry, host: Host) -> None:
    push(registry, "plain", "team/shared:1")
    name, root = f"{registry.host}/team/shared:1", registry.server.root
    lines = host.run("pull", "--registry-root", root, name).splitlines()
    assert sum(line.endswith(": Shared with the registry") for line in lines) == 3
    # The config alone: it is small, and read before anything is decided.
    assert len(registry.requests("GET", "/team/shared/blobs/")) == 1
    large = registry.layers[1].descriptor["digest"]
    ours, theirs = host.blob(large), registry.server.blob_file(large)
    assert ours.read_bytes() == theirs.read_bytes()
    host.run("rmi", name)
    settings = host.folder / "runtime.toml"
    settings.write_text(f'[registry_roots]\n"{registry.host}" = "{root}"\n')
    host.environment["ENTREPOT_RUNTIME_CONFIG"] = str(settings)
    assert "Shared with the registry" in host.run("pull", name)
    host.run("rmi", name)
    assert theirs.exists()
    assert not ours.exists()
    assert "is not the folder" in host.refused("pull", "--registry-root", "/etc", name)


def test_a_damaged_blob_of_a_registry_here_is_not_shared(registry: Registry, host: Host, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    large = registry.layers[1].descriptor["digest"]
    file = copy / registry.server.blob_file(large).relative_to(registry.server.root / "storage")
    file.parent.mkdir(parents=True)
    file.write_bytes(b"x" * registry.layers[1].descriptor["size"])
    host.run("pull", "-q", "--registry-root", copy, f"{registry.host}/team/plain:1")
    assert host.blob(large).read_bytes() == registry.layout.bytes_of(large)
