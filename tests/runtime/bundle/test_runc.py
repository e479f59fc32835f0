"""Specs as runc runs them: what the process in the container sees of itself."""

import io
import json
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from runtime.bundle import host as hosts
from runtime.bundle import spec
from runtime.bundle.capabilities import ALL
from runtime.bundle.given import Given, IdMap
from tests.e2e.processes import run
from tests.e2e.tools import system_tool
from tests.runtime.bundle.cases import prepared
from tests.runtime.bundle.docker import image_tar

PARENT = "entrepot-bundle-runc"
IMAGE = {"Cmd": ["x"]}
LOOK = "cat /proc/self/status /proc/self/limits /proc/self/uid_map; /bin/busybox mount; /bin/busybox ip link"
MAPS = (IdMap(host=100_000, size=65_536),)
# Cases that a container of the host's ids on this machine can be run of as they stand.
RUN = ["default", "user", "numbers", "capabilities", "nothing", "bounds", "mounts", "devices", "host", "sysctl"]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("bundle")
    # The mapped root must get through to its own.
    for path in (folder, *folder.parents[:3]):
        path.chmod(path.stat().st_mode | 0o011)
    with tarfile.open(fileobj=io.BytesIO(image_tar())) as tar:
        tar.extractall(folder / "rootfs", filter="tar")
    yield folder
    for path in Path("/sys/fs/cgroup").glob(f"*/{PARENT}"):
        path.rmdir()


def seen(bundle: Path, case: str, **places: Any) -> tuple[dict[str, Any], str]:  # noqa: ANN401 - fields of Given
    """Run a case, looking around instead; return its spec and what was seen."""
    host = hosts.read()
    config, host_config, who, mounts = prepared(case, IMAGE, host)
    config = msgspec.structs.replace(config, entrypoint=None, cmd=("sh", "-c", LOOK))
    (bundle / "volume").mkdir(exist_ok=True)
    ready = Given(
        id="f" * 64,
        root="rootfs",
        user=who,
        mounts=tuple(
            msgspec.structs.replace(each, source=str(bundle / "volume")) if each.type == "volume" else each
            for each in mounts
        ),
        cgroups_path=f"/{PARENT}/{case}",
        init=str(system_tool("busybox")),
        devices={each.path_on_host: hosts.device_nodes(each.path_on_host) for each in host_config.devices},
        **places,
    )
    made = spec.spec(config, msgspec.structs.replace(host_config, init=False), ready, host)
    (bundle / "config.json").write_text(json.dumps(made))
    words: list[str | Path] = [
        system_tool("runc"),
        "--root",
        bundle / "runc",
        "run",
        "--bundle",
        bundle,
        f"{PARENT}-{case}",
    ]
    return made, run(words).out


@pytest.mark.parametrize("case", RUN)
def test_a_process_is_what_its_spec_says(bundle: Path, case: str) -> None:
    made, out = seen(bundle, case)
    process = made["process"]
    status = dict(line.split(":\t", 1) for line in out.splitlines() if ":\t" in line)
    mask = sum(1 << ALL.index(name) for name in process["capabilities"]["bounding"])
    assert int(status["CapBnd"], 16) == mask
    assert int(status["CapEff"], 16) == (mask if process["user"]["uid"] == 0 else 0)
    assert (int(status["CapInh"], 16), int(status["CapAmb"], 16)) == (0, 0)
    assert status["Uid"].split() == [str(process["user"]["uid"])] * 4
    assert status["Gid"].split() == [str(process["user"]["gid"])] * 4
    assert set(map(int, status["Groups"].split())) == set(process["user"]["additionalGids"])
    assert status["Seccomp"] == ("2" if "seccomp" in made["linux"] else "0")
    assert status["NoNewPrivs"] == str(int(process.get("noNewPrivileges", False)))
    for limit in process["rlimits"]:
        if limit["type"] == "RLIMIT_NOFILE":
            assert f"Max open files            {limit['soft']}" in out
    for mount in made["mounts"]:
        if mount["type"] == "bind":
            (found,) = [line for line in out.splitlines() if f" on {mount['destination']} type " in line]
            assert found.split("(")[-1].startswith("ro" if "ro" in mount["options"] else "rw")


def test_a_remapped_root_is_nobody_on_the_host(bundle: Path) -> None:
    os.chown(bundle / "rootfs", 100_000, 100_000)
    try:
        _, out = seen(bundle, "default", uid_maps=MAPS, gid_maps=MAPS)
    finally:
        os.chown(bundle / "rootfs", 0, 0)
    assert [line.split() for line in out.splitlines() if line.endswith("65536")] == [["0", "100000", "65536"]]
    assert "sysfs on /sys type sysfs (ro" in out


def test_a_network_namespace_of_somebody_else_is_joined(bundle: Path) -> None:
    name = f"{PARENT}-{os.getpid()}"
    run(["ip", "netns", "add", name])
    try:
        run(["ip", "-n", name, "link", "add", "seven7", "type", "bridge"])
        made, out = seen(bundle, "default", network_namespace=f"/run/netns/{name}")
    finally:
        run(["ip", "netns", "delete", name])
    assert "sysctl" in made["linux"]
    assert "seven7" in out
