"""Volumes, binds, tmpfs, the root, devices and shared memory, as the container and the lists have them."""

import os
from pathlib import Path

import pytest

from tests.e2e.containers.engines import Engine

pytestmark = pytest.mark.e2e

NONE = "--network=none"


def test_volumes(engine: Engine) -> None:
    assert engine("volume", "create", "--label", "of=test", "named") == "named\n"
    assert engine("volume", "create", "named") == "named\n"
    script = "cat /data/kept; echo more > /data/more; ls /empty; echo x > /anonymous/x"
    volumes = ("-v", "named:/data", "--mount", "type=volume,source=other,target=/empty,volume-nocopy")
    shown = engine("run", "--name", "volumes", *volumes, "-v", "/anonymous", NONE, "busybox", "sh", "-c", script)
    assert shown == "from the image\n"  # an empty volume gets what the image has there
    assert engine("run", "--rm", "-v", "named:/data", NONE, "busybox", "ls", "/data") == "kept\nmore\n"
    assert engine("run", "--rm", "-v", "bare:/data:nocopy", NONE, "busybox", "ls", "/data") == ""
    assert "read-only" in _said(engine, "run", "--rm", "-v", "named:/data:ro", NONE, "busybox", "touch", "/data/a")
    words = ("--mount", "type=volume,src=named,dst=/data,readonly")
    assert "read-only" in _said(engine, "run", "--rm", *words, NONE, "busybox", "touch", "/data/a")
    [told] = engine.document("volume", "inspect", "named")
    assert {"CreatedAt", "Driver", "Labels", "Mountpoint", "Name", "Options", "Scope"} <= set(told)
    assert (told["Driver"], told["Labels"], told["Name"], told["Scope"]) == ("local", {"of": "test"}, "named", "local")
    assert Path(told["Mountpoint"], "more").read_text() == "more\n"
    mounts = {each["Destination"]: each for each in engine.document("inspect", "volumes")[0]["Mounts"]}
    assert (mounts["/data"]["Type"], mounts["/data"]["Name"], mounts["/data"]["RW"]) == ("volume", "named", True)
    assert mounts["/data"]["Source"] == told["Mountpoint"]
    anonymous = mounts["/anonymous"]["Name"]
    assert len(anonymous) == 64
    assert engine("volume", "ls", "--filter", "label=of=test", "--format", "{{.Driver}} {{.Name}}") == "local named\n"
    assert engine.lines("volume", "ls", "-f", "name=named")[0].split() == ["DRIVER", "VOLUME", "NAME"]
    assert engine.lines("volume", "ls", "-q", "-f", "dangling=true") == ["bare"]
    assert set(engine.lines("volume", "ls", "-q")) == {"named", "other", "bare", anonymous}
    assert engine.lines("ps", "-a", "--filter", "volume=named", "--format", "{{.Names}}") == ["volumes"]
    assert "volume is in use" in engine.refuses("volume", "rm", "named")
    assert "no such volume" in engine.refuses("volume", "inspect", "nosuch")
    engine("rm", "-v", "volumes")
    assert set(engine.lines("volume", "ls", "-q")) == {"named", "other", "bare"}
    assert engine("volume", "rm", "bare") == "bare\n"
    options = ("-o", "type=tmpfs", "-o", "device=tmpfs", "-o", "o=size=1m,uid=1000")
    engine("volume", "create", *options, "scratch")
    shown = engine("run", "--rm", "-v", "scratch:/scratch", NONE, "busybox", "sh", "-c", "grep /scratch /proc/mounts")
    assert shown.startswith("tmpfs /scratch tmpfs rw,")
    assert {"size=1024k", "uid=1000"} <= set(shown.split()[3].split(","))
    engine("volume", "rm", "scratch")
    shown = engine("volume", "prune", "-f", *(() if engine.is_docker else ("--all",)))
    assert set(shown.splitlines()[:3]) == {"Deleted Volumes:", "named", "other"}
    assert "Total reclaimed space: " in shown


def test_volumes_of_the_image_go_with_rm(engine: Engine) -> None:
    engine("create", "--name", "imaged", NONE, "busybox")
    engine("commit", "-c", "VOLUME /data", "imaged", "imaged")
    engine("rm", "imaged")
    assert engine("run", "--rm", NONE, "imaged", "cat", "/data/kept") == "from the image\n"
    assert engine("volume", "ls", "-q") == ""
    engine("run", "-d", "--name", "imaged", NONE, "imaged", "sleep", "1000")
    assert len(engine("volume", "ls", "-q")) == 65
    engine("rm", "-f", "imaged")
    assert len(engine("volume", "ls", "-q")) == 65
    engine("volume", "prune", "-f")
    engine("rmi", "imaged")


def test_binds(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("one\n")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/inner").write_text("two\n")
    engine(
        *("run", "-d", "--name", "binds", NONE, "-v", f"{tmp_path}/file:/etc/single:ro", "-v", f"{tmp_path}/folder:/f"),
        *("--mount", f"type=bind,source={tmp_path}/folder,target=/g,readonly", "-v", f"{tmp_path}/made:/h"),
        *("busybox", "sleep", "1000"),
    )
    assert engine("exec", "binds", "cat", "/etc/single", "/f/inner", "/g/inner") == "one\ntwo\ntwo\n"
    engine("exec", "binds", "sh", "-c", "echo back > /f/back")
    assert (tmp_path / "folder/back").read_text() == "back\n"
    assert "read-only" in _said(engine, "exec", "binds", "sh", "-c", "echo > /etc/single")
    assert "read-only" in _said(engine, "exec", "binds", "touch", "/g/x")
    assert (tmp_path / "made").is_dir()
    mounts = {each["Destination"]: each for each in engine.document("inspect", "binds")[0]["Mounts"]}
    assert mounts["/etc/single"] == {
        "Type": "bind",
        "Source": f"{tmp_path}/file",
        "Destination": "/etc/single",
        "Mode": "ro",
        "RW": False,
        "Propagation": "rprivate",
    }
    assert mounts["/g"]["RW"] is False
    engine("cp", "binds:/f/back", tmp_path / "copied")
    assert (tmp_path / "copied").read_text() == "back\n"
    missing = f"type=bind,source={tmp_path}/nosuch,target=/x"
    assert "source path does not exist" in engine.refuses("run", "--rm", "--mount", missing, NONE, "busybox", code=125)
    engine.refuses("run", "--rm", "-v", "relative/path:/x", NONE, "busybox", code=125)
    engine("rm", "-fv", "binds")
    assert (tmp_path / "folder/inner").exists()


def test_the_root_and_what_is_in_memory(engine: Engine) -> None:
    options = ("--read-only", "--tmpfs", "/fast:size=1m,mode=1700", "--mount", "type=tmpfs,dst=/m,tmpfs-size=2m")
    engine("run", "-d", "--name", "root", *options, "--shm-size=8m", NONE, "busybox", "sleep", "1000")
    assert "read-only" in _said(engine, "exec", "root", "touch", "/x")
    shown = engine.lines("exec", "root", "grep", "-E", " (/|/fast|/m|/dev/shm) ", "/proc/mounts")
    mounted = {line.split()[1]: line.split()[2:4] for line in shown}
    assert mounted["/"][0] == "overlay"
    assert mounted["/"][1].startswith("ro,")
    assert [mounted[place][0] for place in ("/fast", "/m", "/dev/shm")] == ["tmpfs"] * 3
    for place, size in (("/fast", 1024), ("/m", 2048), ("/dev/shm", 8192)):
        assert f"size={size}k" in mounted[place][1], place
    assert {"nosuid", "nodev", "noexec", "mode=1700"} <= set(mounted["/fast"][1].split(","))
    engine("exec", "root", "sh", "-c", "echo > /fast/x; echo > /m/x; echo > /dev/shm/x")
    engine("rm", "-f", "root")


def test_devices(engine: Engine) -> None:
    options = ("--device", "/dev/zero:/dev/nought:r", "--device=/dev/loop-control")
    engine("run", "-d", "--name", "devices", *options, NONE, "busybox", "sleep", "1000")
    assert engine("exec", "devices", "head", "-c", "3", "/dev/nought") == "\0\0\0"
    shown = set(engine.lines("exec", "devices", "ls", "/dev"))
    usual = {"full", "null", "ptmx", "random", "tty", "urandom", "zero"}
    usual |= {"fd", "mqueue", "pts", "shm", "stderr", "stdin", "stdout"}
    assert shown - {"console", "core"} == usual | {"nought", "loop-control"}
    engine("exec", "devices", "sh", "-c", "mknod /tmp/kmsg c 1 11 && ! cat /tmp/kmsg")
    engine("rm", "-f", "devices")


def test_all_devices(entrepot: Engine) -> None:
    listed = set(entrepot.lines("run", "--rm", "--privileged", NONE, "busybox", "ls", "/dev"))
    assert "loop-control" in listed
    assert ("kmsg" in listed) == os.path.exists("/dev/kmsg")


def _said(engine: Engine, *args: str | Path) -> str:
    engine(*args, code=1)
    return engine.errors.lower()
