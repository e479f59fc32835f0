"""`-v`, `--mount`, `--tmpfs`, and what they make together."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.bundle.container import BindOptions, ContainerConfig, HostConfig, Mount, TmpfsOptions, VolumeOptions
from runtime.bundle.errors import Conflict, ValueInvalid
from runtime.bundle.grammar import mount, tmpfs, volume
from runtime.bundle.mount_point import MountPoint
from runtime.bundle.mount_points import collect


def test_volumes() -> None:
    assert volume.read("/data/") == MountPoint(type="volume", destination="/data")
    assert volume.read("name:/data") == MountPoint(type="volume", name="name", destination="/data")
    assert volume.read("/a/../b:/c:ro,z,rslave") == MountPoint(
        type="bind",
        source="/b",
        destination="/c",
        mode="ro,z,rslave",
        rw=False,
        propagation="rslave",
        create_source=True,
    )
    assert volume.read("name:/c:nocopy,rw").no_copy
    assert volume.read("/a:/b:").rw


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":",
        "a:",
        ":/a",
        "/a:b",
        "/a:/",
        "/a:/..",
        "/a:/b:ro:x",
        "/a:/b:ro,rw",
        "/a:/b:x",
        "/a:ro",
        "nn:b",
        "/a:/b:nocopy",
        "nn:/b:shared",
        "x y:/b",
        "-n:/b",
        "n:/b",
        "../x:/b",
        "/a:/b\0",
        "/a:/" + "x" * 5000,
    ],
)
def test_what_is_no_volume(text: str) -> None:
    with pytest.raises(ValueInvalid):
        volume.read(text)


def test_mounts() -> None:
    assert mount.read("target=/a") == Mount(type="volume", target="/a")
    assert mount.read("type=bind,src=/x//y,dst=/a,ro,bind-propagation=RSHARED,bind-recursive=disabled") == Mount(
        type="bind",
        source="/x/y",
        target="/a",
        read_only=True,
        bind_options=BindOptions(propagation="rshared", non_recursive=True),
    )
    assert mount.read('source=nn,target=/a,volume-nocopy,"volume-label=a=b,c",volume-subpath=x/y') == Mount(
        source="nn", target="/a", volume_options=VolumeOptions(no_copy=True, labels={"a": "b,c"}, subpath="x/y")
    )
    assert mount.read("type=tmpfs,target=/a,tmpfs-size=1k,tmpfs-mode=700") == Mount(
        type="tmpfs", target="/a", tmpfs_options=TmpfsOptions(size_bytes=1024, mode=0o700)
    )
    assert not mount.read("target=/a,readonly=false").read_only


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "target",
        "target=",
        "type=bind,target=/a",
        "type=what,target=/a",
        "target=/a,what=1",
        "target=a",
        "target=/",
        "target= /a",
        "type=bind,source=x,target=/a",
        "type=bind,source=/x,target=/a,tmpfs-size=1",
        "target=/a,readonly=maybe",
        'target="/a',
        "type=tmpfs,source=/a,target=/b",
        "target=/a,volume-subpath=x",
        "source=nn,target=/a,volume-subpath=../x",
        "type=tmpfs,target=/a,tmpfs-mode=88",
        "target=/a\nx=1",
        "type=bind,source=/x,target=/a,bind-recursive=x",
        "type=bind,source=/x,target=/a,bind-propagation=x",
    ],
)
def test_what_is_no_mount(text: str) -> None:
    with pytest.raises(ValueInvalid):
        mount.read(text)


def test_tmpfs() -> None:
    assert tmpfs.read("/a:size=1m,exec") == ("/a", "size=1m,exec")
    assert tmpfs.merge("") == ["noexec", "nosuid", "nodev", "rprivate"]
    assert tmpfs.merge("exec,size=1m,size=2m,ro,rw") == ["nosuid", "nodev", "rprivate", "exec", "size=2m", "rw"]
    for text in ("a", "/", "/a:what", "/a:size=", "/a:size=1m,lowerdir=/x", "/a:mode=1 2"):
        with pytest.raises(ValueInvalid):
            tmpfs.read(text)


@given(st.from_regex(r"[a-z0-9][a-z0-9_.-]{1,20}", fullmatch=True), st.sampled_from(["", ":ro", ":rw", ":Z,nocopy"]))
def test_a_volumes_name_comes_back(name: str, options: str) -> None:
    found = volume.read(f"{name}:/in{options}")
    assert (found.name, found.rw) == (name, options != ":ro")


def test_all_mounts_are_one_list_with_parents_first() -> None:
    config = ContainerConfig(volumes={"/image": {}, "/a": {}})
    host_config = HostConfig(
        binds=("/x:/a/b", "nn:/a"),
        mounts=(Mount(type="tmpfs", target="/c", read_only=True, tmpfs_options=TmpfsOptions(size_bytes=5)),),
        tmpfs={"/d/": "size=1m"},
    )
    found = collect(config, host_config)
    assert [(each.destination, each.type) for each in found] == [
        ("/a", "volume"),
        ("/c", "tmpfs"),
        ("/d", "tmpfs"),
        ("/image", "volume"),
        ("/a/b", "bind"),
    ]
    assert [each.name for each in found if each.type == "volume"] == ["nn", ""]
    assert found[1].tmpfs == "ro,size=5"


@pytest.mark.parametrize(
    "host_config",
    [
        HostConfig(binds=("/x:/a", "/y:/a/")),
        HostConfig(binds=("/x:/a",), mounts=(Mount(target="/a"),)),
        HostConfig(binds=("/x:/a",), tmpfs={"/a": ""}),
    ],
)
def test_two_mounts_at_one_place_are_refused(host_config: HostConfig) -> None:
    with pytest.raises(Conflict, match="duplicate mount point: /a"):
        collect(ContainerConfig(), host_config)
