"""The structs of a container keep what they hold, in docker's spelling."""

import json

import msgspec

from runtime.bundle.container import (
    ContainerConfig,
    Device,
    Endpoint,
    Healthcheck,
    HostConfig,
    Mount,
    NetworkingConfig,
    PortBinding,
    Request,
    TmpfsOptions,
    Ulimit,
)

REQUEST = Request(
    config=ContainerConfig(
        image="x", cmd=("a",), entrypoint=("",), healthcheck=Healthcheck(test=("NONE",)), stop_timeout=0
    ),
    host_config=HostConfig(
        memory=5,
        ulimits=(Ulimit(name="core", soft=-1, hard=-1),),
        devices=(Device(path_on_host="/a", path_in_container="/b"),),
        port_bindings={"80/tcp": (PortBinding(host_ip="::1", host_port="5"),)},
        mounts=(Mount(type="tmpfs", target="/a", tmpfs_options=TmpfsOptions(mode=0)),),
        uts_mode="host",
        masked_paths=(),
    ),
    networking_config=NetworkingConfig(endpoints_config={"n": Endpoint(ipv4_address="1.2.3.4", aliases=("a",))}),
)


def test_json_and_back() -> None:
    assert msgspec.json.decode(msgspec.json.encode(REQUEST), type=Request) == REQUEST


def test_dockers_spelling() -> None:
    shown = json.loads(msgspec.json.encode(REQUEST))
    assert shown["HostConfig"]["UTSMode"] == "host"
    assert shown["HostConfig"]["PortBindings"] == {"80/tcp": [{"HostIp": "::1", "HostPort": "5"}]}
    assert shown["NetworkingConfig"]["EndpointsConfig"]["n"]["IPv4Address"] == "1.2.3.4"
    assert shown["Config"]["Entrypoint"] == [""]


def test_what_a_newer_version_wrote_is_read() -> None:
    found = msgspec.json.decode(b'{"Image":"x","SomethingNew":1}', type=ContainerConfig)
    assert found == ContainerConfig(image="x")
