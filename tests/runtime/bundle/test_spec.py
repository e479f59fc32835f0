"""Specs: the golden ones, and what no command line of them shows."""

import json
from typing import Any

import pytest
from msgspec.structs import replace

from runtime.bundle import spec
from runtime.bundle.container import ContainerConfig, HostConfig, Ulimit
from runtime.bundle.errors import Conflict, ProfileInvalid
from runtime.bundle.given import Given, IdMap
from runtime.bundle.host import Host
from runtime.bundle.mount_point import MountPoint
from runtime.bundle.user import User
from tests.runtime.bundle.cases import CASES
from tests.runtime.bundle.golden import FOLDER, HOST, golden

CONFIG = ContainerConfig(cmd=("true",))
GIVEN = Given(id="a" * 64, root="/r")
MAPS = (IdMap(host=100000, size=65536),)


def made(
    host_config: HostConfig | None = None, given: Given = GIVEN, host: Host = HOST, config: ContainerConfig = CONFIG
) -> dict[str, Any]:
    return spec.spec(config, host_config or HostConfig(), given, host)


def bind(destination: str, propagation: str = "") -> MountPoint:
    return MountPoint(type="bind", source="/s", destination=destination, propagation=propagation)


def mounts(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {mount["destination"]: mount for mount in found["mounts"]}


def namespaces(found: dict[str, Any]) -> dict[str, str]:
    return {each["type"]: each.get("path", "") for each in found["linux"]["namespaces"]}


@pytest.mark.parametrize("case", CASES)
def test_a_spec_is_the_golden_one(case: str) -> None:
    assert golden(case) == json.loads((FOLDER / f"{case}.json").read_text())


def test_every_golden_spec_is_of_a_case() -> None:
    assert {path.stem for path in FOLDER.glob("*.json")} == set(CASES)


def test_no_capability_is_inheritable_or_ambient() -> None:
    assert set(made()["process"]["capabilities"]) == {"bounding", "effective", "permitted"}


def test_namespaces_of_another_container_are_joined_by_path() -> None:
    given = replace(GIVEN, network_namespace="/n", pid_namespace="/p", ipc_namespace="/i", shm="/its/shm")
    joined = HostConfig(network_mode="container:a", pid_mode="container:a", ipc_mode="container:a", init=True)
    found = made(joined, replace(given, init="/init"))
    assert namespaces(found) == {"mount": "", "network": "/n", "uts": "", "pid": "/p", "ipc": "/i", "cgroup": ""}
    assert mounts(found)["/dev/shm"]["source"] == "/its/shm"
    assert found["process"]["args"] == ["true"]
    assert "sysctl" not in found["linux"]


@pytest.mark.parametrize(
    "asked",
    [
        HostConfig(network_mode="container:gone"),
        HostConfig(pid_mode="container:gone"),
        HostConfig(ipc_mode="container:gone"),
    ],
)
def test_a_container_that_does_not_run_cannot_be_joined(asked: HostConfig) -> None:
    with pytest.raises(Conflict, match="it is not running"):
        made(asked)


def test_a_network_namespace_of_the_engine_has_dockers_sysctls() -> None:
    found = made(HostConfig(network_mode="bridge"), replace(GIVEN, network_namespace="/run/ns"))
    assert namespaces(found)["network"] == "/run/ns"
    assert found["linux"]["sysctl"] == {
        "net.ipv4.ping_group_range": "0 2147483647",
        "net.ipv4.ip_unprivileged_port_start": "0",
    }


def test_what_the_kernel_lacks_is_not_asked_of_it() -> None:
    found = made(host=replace(HOST, sysctls=(), time_namespaces=True, recursive_read_only=True))
    assert "sysctl" not in found["linux"]
    assert "time" in namespaces(found)


def test_a_remapped_container() -> None:
    given = replace(GIVEN, uid_maps=MAPS, gid_maps=MAPS, network_namespace="/n")
    found = made(HostConfig(userns_mode="remap"), given)
    assert "user" in namespaces(found)
    assert found["linux"]["uidMappings"] == [{"containerID": 0, "hostID": 100000, "size": 65536}]
    assert mounts(found)["/sys"]["type"] == "bind"
    assert "ro" in mounts(found)["/sys"]["options"]
    assert "ro" not in mounts(found)["/sys/fs/cgroup"]["options"]
    assert "gid=5" in mounts(found)["/dev/pts"]["options"]


def test_a_container_that_should_be_remapped_never_runs_without() -> None:
    with pytest.raises(Conflict, match="no ids to map to"):
        made(HostConfig(userns_mode="remap"))


def test_a_rootless_container_asks_for_nothing_only_root_has() -> None:
    alone = (IdMap(host=1000, size=1),)
    found = made(given=replace(GIVEN, uid_maps=alone, gid_maps=alone), host=replace(HOST, rootless=True))
    assert "resources" not in found["linux"]
    assert "oomScoreAdj" not in found["process"]
    assert "gid=5" not in mounts(found)["/dev/pts"]["options"]


def test_cgroup_namespaces_are_the_hosts_on_v1() -> None:
    assert "cgroup" in namespaces(made())
    assert "cgroup" not in namespaces(made(host=replace(HOST, cgroup_version=1)))


def test_hostname_and_environment() -> None:
    config = replace(CONFIG, env=("PATH=/p", "A=1"), tty=True)
    assert made(config=config)["process"]["env"] == ["PATH=/p", f"HOSTNAME={'a' * 12}", "TERM=xterm", "A=1", "HOME=/"]
    home = replace(GIVEN, user=User(uid=5, gid=5, home="/home/five"))
    assert "HOME=/home/five" in made(given=home)["process"]["env"]
    on_host = made(HostConfig(network_mode="host"))
    assert on_host["hostname"] == "machine"


def test_a_bare_name_takes_a_default_away() -> None:
    found = made(config=replace(CONFIG, env=("PATH",)))["process"]["env"]
    assert not any(variable.startswith("PATH") for variable in found)


def test_an_unlimited_ulimit() -> None:
    unlimited = Ulimit(name="memlock", soft=-1, hard=-1)
    found = made(HostConfig(ulimits=(unlimited,)))["process"]["rlimits"]
    assert found == [{"type": "RLIMIT_MEMLOCK", "soft": 2**64 - 1, "hard": 2**64 - 1}]


def test_profiles_come_as_json() -> None:
    own = '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[]}'
    found = made(HostConfig(security_opt=(f"seccomp={own}",)))["linux"]["seccomp"]
    assert found == {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": []}
    privileged = made(HostConfig(security_opt=(f"seccomp={own}",), privileged=True))["linux"]
    assert privileged["seccomp"] == found
    with pytest.raises(ProfileInvalid):
        made(HostConfig(security_opt=("seccomp=/etc/passwd",)))


def test_nothing_to_run_is_an_error() -> None:
    with pytest.raises(Conflict, match="no command specified"):
        made(config=ContainerConfig())


def test_dev_of_ones_own_hides_what_would_be_in_it() -> None:
    found = made(given=replace(GIVEN, mounts=(bind("/dev"),)))
    assert [place for place in mounts(found) if place.startswith("/dev")] == ["/dev"]


def test_mounts_that_propagate_ask_it_of_the_root() -> None:
    given = replace(GIVEN, mounts=(bind("/a", "rshared"),))
    assert made(given=given)["linux"]["rootfsPropagation"] == "shared"
    given = replace(GIVEN, mounts=(bind("/a", "rslave"),))
    assert made(given=given)["linux"]["rootfsPropagation"] == "rslave"
    assert "rootfsPropagation" not in made(given=replace(GIVEN, mounts=(bind("/a"),)))["linux"]
