"""What cannot be together is refused; most of it is compared with docker in test_docker_values."""

import pytest
from msgspec.structs import replace

from runtime.bundle import checks
from runtime.bundle.container import (
    ContainerConfig,
    Endpoint,
    HostConfig,
    NetworkingConfig,
    PortBinding,
    Request,
    RestartPolicy,
)
from runtime.bundle.errors import BundleError, Conflict
from runtime.bundle.host import Host

HOST = Host(cpus=frozenset({0, 1}), cgroup_version=1)
CONFIG = ContainerConfig(cmd=("x",))
ADDRESS = NetworkingConfig(endpoints_config={"default": Endpoint(ipv4_address="1.2.3.4")})
ALIASES = NetworkingConfig(endpoints_config={"bridge": Endpoint(aliases=("a",))})
MIXED = NetworkingConfig(endpoints_config={"mine": Endpoint()})


def _mac(network: str) -> NetworkingConfig:
    return NetworkingConfig(endpoints_config={network: Endpoint(mac_address="02:00:00:00:00:01")})


def check(host_config: HostConfig, config: ContainerConfig = CONFIG, host: Host = HOST) -> list[str]:
    return checks.check(Request(config=config, host_config=host_config), host)


@pytest.mark.parametrize(
    ("host_config", "told"),
    [
        (HostConfig(userns_mode="remap", privileged=True), "privileged mode is incompatible"),
        (HostConfig(userns_mode="remap", network_mode="host"), "network namespace when user namespaces"),
        (HostConfig(userns_mode="remap:me", pid_mode="host"), "PID namespace when user namespaces"),
        (HostConfig(network_mode="host", sysctls={"net.core.somaxconn": "1"}), "not allowed in the network namespace"),
        (HostConfig(ipc_mode="host", sysctls={"kernel.shmmax": "1"}), "not allowed in the ipc namespace"),
        (HostConfig(blkio_weight=5), "blkio weight"),
        (HostConfig(shm_size=-1), "SHM size"),
        (HostConfig(cpu_shares=-1), "CPU shares"),
        (HostConfig(nano_cpus=3 * 10**9), "range of CPUs is from 0.01 to 2.00"),
        (HostConfig(cpuset_cpus="0-2"), "available: 0,1"),
        (HostConfig(auto_remove=True, restart_policy=RestartPolicy(name="always")), "--restart and --rm"),
        (HostConfig(sysctls={"kernel.panic": "1"}), "not allowed"),
        (HostConfig(binds=("/a:/b", "/c:/b")), "duplicate mount point"),
        (HostConfig(tmpfs={"/a": "what"}), "invalid tmpfs option"),
        (HostConfig(security_opt=("what=1",)), "security-opt"),
        (HostConfig(network_mode="a b"), "invalid network"),
        (HostConfig(network_mode="host", links=("a",)), "host type networking can't be used with links"),
        (HostConfig(network_mode="container:a", links=("a",)), "container type networking can't be used with links"),
        (HostConfig(network_mode="mine", links=("a",)), "links are for the default network"),
    ],
)
def test_what_cannot_be(host_config: HostConfig, told: str) -> None:
    with pytest.raises(BundleError, match=told):
        check(host_config)


@pytest.mark.parametrize(
    ("networking", "mode", "told"),
    [
        (ADDRESS, "default", "user specified IP address"),
        (ALIASES, "bridge", "network-scoped aliases"),
        (MIXED, "bridge", "cannot attach both"),
        (_mac("host"), "host", "mac-address and the network mode"),
        (_mac("none"), "none", "mac-address and the network mode"),
        (_mac("container:a"), "container:a", "mac-address and the network mode"),
    ],
)
def test_what_only_user_defined_networks_have(networking: NetworkingConfig, mode: str, told: str) -> None:
    request = Request(config=CONFIG, host_config=HostConfig(network_mode=mode), networking_config=networking)
    with pytest.raises(Conflict, match=told):
        checks.check(request, HOST)


@pytest.mark.parametrize("name", ["a" * 65, "-a", "a b", "a/b"])
def test_what_is_no_hostname(name: str) -> None:
    with pytest.raises(Conflict, match="invalid hostname"):
        check(HostConfig(), replace(CONFIG, hostname=name))


def test_anothers_network_settles_names_and_ports() -> None:
    joined = HostConfig(network_mode="container:a")
    checks.check_joined_network(CONFIG, joined)
    for config, host_config in (
        (replace(CONFIG, hostname="h"), joined),
        (replace(CONFIG, exposed_ports={"80/tcp": {}}), joined),
        (CONFIG, replace(joined, dns=("8.8.8.8",))),
        (CONFIG, replace(joined, extra_hosts=("a:1.2.3.4",))),
        (CONFIG, replace(joined, publish_all_ports=True)),
    ):
        with pytest.raises(Conflict, match="conflicting options"):
            checks.check_joined_network(config, host_config)


def test_what_has_no_effect_is_told() -> None:
    assert check(HostConfig()) == []
    ports = HostConfig(network_mode="host", port_bindings={"80/tcp": (PortBinding(),)})
    assert "discarded when using host network mode" in check(ports)[0]
    killer = check(HostConfig(oom_kill_disable=True, memory_swappiness=5), host=replace(HOST, cgroup_version=2))
    assert len(killer) == 3
