"""The same command lines, given to a real docker engine: the specs are the same but for what is listed here."""

import json
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from runtime.bundle import host as hosts
from runtime.bundle import spec
from runtime.bundle.capabilities import ALL
from runtime.bundle.container import HostConfig
from runtime.bundle.given import Given
from runtime.bundle.host import DeviceNode, Host
from runtime.bundle.mount_point import MountPoint
from tests.runtime.bundle.cases import CASES, prepared
from tests.runtime.bundle.docker import Engine

# Debian's engine is of 2021; docker hides more today, because of what it tells of other containers and of the machine.
HIDDEN_SINCE = {"/proc/interrupts", "/sys/devices/virtual/powercap"}
# Of what the old profile allows, today's asks for a condition, the family of a socket; and io_uring is out of it.
CONDITIONAL_SINCE = {"socket"}
FORBIDDEN_SINCE = {"io_uring_enter", "io_uring_register", "io_uring_setup"}
# The newest capabilities were not known to the old engine, which gave those up to AUDIT_READ to the privileged.
CAPABILITIES_SINCE = {"CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE"}


@pytest.fixture(scope="module")
def this_host() -> Host:
    return hosts.read()


@pytest.mark.parametrize("case", CASES)
def test_a_spec_is_dockers(engine: Engine, this_host: Host, case: str) -> None:
    container, theirs = engine.spec_of(*CASES[case])
    config, host_config, who, mounts = prepared(case, engine.image_config(), this_host)
    places = {mount["destination"]: mount["source"] for mount in theirs["mounts"]}
    ready = Given(
        id=container,
        user=who,
        mounts=tuple(with_source(mount, places) for mount in mounts),
        root=theirs["root"]["path"],
        cgroups_path=theirs["linux"]["cgroupsPath"],
        resolv_conf=places["/etc/resolv.conf"],
        hosts=places["/etc/hosts"],
        hostname=places["/etc/hostname"],
        init=places.get("/sbin/docker-init", ""),
        devices=found_devices(host_config),
        all_devices=hosts.all_devices() if host_config.privileged else (),
    )
    ours = spec.spec(config, host_config, ready, this_host)
    compare_seccomp(ours["linux"].pop("seccomp", None), theirs["linux"].pop("seccomp", None))
    assert ours_as_it_was(ours) == theirs_without_nothing(theirs, this_host)


def with_source(mount: MountPoint, places: Mapping[str, str]) -> MountPoint:
    return msgspec.structs.replace(mount, source=places[mount.destination]) if mount.type == "volume" else mount


def found_devices(host_config: HostConfig) -> dict[str, tuple[DeviceNode, ...]]:
    return {each.path_on_host: hosts.device_nodes(each.path_on_host) for each in host_config.devices}


def ours_as_it_was(made: dict[str, Any]) -> dict[str, Any]:
    """Our spec without what docker has learnt since, or leaves to runc."""
    del made["ociVersion"]
    process, linux = made["process"], made["linux"]
    # runc looks for HOME in the image by itself; we have done so already.
    assert process["env"].pop().startswith("HOME=")
    for kind in ("bounding", "effective", "permitted"):
        process["capabilities"][kind] = sorted(set(process["capabilities"][kind]) - CAPABILITIES_SINCE)
    if process["user"]["uid"] != 0:
        # execve takes them from everybody but root in any case; docker lets them stand in the spec now.
        del process["capabilities"]["effective"], process["capabilities"]["permitted"]
    linux["maskedPaths"] = set(linux["maskedPaths"]) - HIDDEN_SINCE
    return comparable(made)


def theirs_without_nothing(made: dict[str, Any], this_host: Host) -> dict[str, Any]:
    """Docker's spec without the zeros that mean nothing and without the hook that calls the engine back."""
    # The old engine gives to the privileged what it does not have itself, and runc then refuses.
    had = {name for number, name in enumerate(ALL) if this_host.capabilities >> number & 1}
    for name in ("ociVersion", "hooks"):
        made.pop(name, None)
    resources = made["linux"]["resources"]
    for part, name in (("cpu", "shares"), ("blockIO", "weight"), ("memory", "disableOOMKiller")):
        if not resources[part].get(name):
            resources[part].pop(name, None)
        if not resources[part]:
            del resources[part]
    for rule in resources["devices"]:
        # All minors, which leaving it out says too.
        if rule.get("minor") == -1:
            del rule["minor"]
    # The host's network stands in the old engine's spec as a path of its own.
    made["linux"]["namespaces"] = [
        each for each in made["linux"]["namespaces"] if not each.get("path", "").endswith("/netns/default")
    ]
    made["root"].setdefault("readonly", False)
    made["process"].setdefault("terminal", False)
    made["process"].setdefault("rlimits", [])
    made["linux"].setdefault("devices", [])
    capabilities = made["process"]["capabilities"]
    made["process"]["capabilities"] = {kind: sorted(had & set(names)) for kind, names in capabilities.items()}
    made["linux"]["maskedPaths"] = set(made["linux"].get("maskedPaths", ()))
    made["linux"].setdefault("readonlyPaths", [])
    return comparable(made)


def comparable(made: dict[str, Any]) -> dict[str, Any]:
    """Without the order of what has none."""
    made["process"].pop("consoleSize", None)
    made["process"]["rlimits"] = sorted(made["process"]["rlimits"], key=json.dumps)
    made["process"]["user"]["additionalGids"] = sorted(made["process"]["user"]["additionalGids"])
    made["process"]["env"] = sorted(made["process"]["env"])
    made["linux"]["namespaces"] = sorted(made["linux"]["namespaces"], key=json.dumps)
    made["linux"]["devices"] = sorted(made["linux"]["devices"], key=json.dumps)
    for mount in made["mounts"]:
        mount["options"] = sorted(mount["options"])
    # Those of the image's defaults keep their order; what was asked for is in some order with parents first.
    made["mounts"] = sorted(made["mounts"], key=lambda mount: (mount["destination"].count("/"), mount["destination"]))
    return made


def compare_seccomp(ours: dict[str, Any] | None, theirs: dict[str, Any] | None) -> None:
    """The new profile allows what the old one did, asks the same of arguments, and says no in the same way."""
    if theirs is None or ours is None:
        assert ours is theirs
        return
    for name in ("defaultAction", "architectures"):
        assert ours[name] == theirs[name]
    assert allowed(theirs) - allowed(ours) == CONDITIONAL_SINCE | FORBIDDEN_SINCE
    assert conditions(theirs) <= conditions(ours)
    assert {rule.partition(" ")[0] for rule in conditions(ours) - conditions(theirs)} == CONDITIONAL_SINCE


def allowed(profile: Mapping[str, Any]) -> set[str]:
    """The system calls that are allowed whatever their arguments."""
    rules = [rule for rule in profile["syscalls"] if rule["action"] == "SCMP_ACT_ALLOW" and not rule.get("args")]
    return {name for rule in rules for name in rule["names"]}


def conditions(profile: Mapping[str, Any]) -> set[str]:
    return {
        f"{name} {json.dumps(rule['args'], sort_keys=True)}"
        for rule in profile["syscalls"]
        for name in rule["names"]
        if rule.get("args")
    }
