"""A container as docker's `inspect` tells it."""

from __future__ import annotations

from typing import Any

import msgspec

from runtime.engine import lifecycle, looking, networking
from runtime.engine.machine import Machine
from runtime.engine.record import Record
from runtime.engine.state import State
from runtime.network.endpoint import Endpoint

_MOUNT = ("Type", "Name", "Source", "Destination", "Driver", "Mode", "RW", "Propagation")


def describe(machine: Machine, id: str) -> dict[str, Any]:
    """All that is known of a container. Raises NoSuchContainer."""
    now, record, of = looking.looked_at(machine, id), machine.store.record(id), machine.paths.of(id)
    path, *args = record.args or ("",)
    endpoints = endpoints_of(machine, record, now)
    kept = record.host_config.log_config.type != "none"
    return {
        "Id": id,
        "Created": record.created,
        "Path": path,
        "Args": args,
        "State": state_of(now),
        "Image": record.image_id,
        "ResolvConfPath": of.resolv,
        "HostnamePath": of.hostname,
        "HostsPath": of.hosts,
        "LogPath": of.log if kept else "",
        "Name": f"/{record.name}",
        "RestartCount": now.restarts,
        "Driver": record.driver,
        "Platform": "linux",
        "MountLabel": "",
        "ProcessLabel": "",
        "AppArmorProfile": "",
        "ExecIDs": None,
        "HostConfig": msgspec.to_builtins(record.host_config),
        "GraphDriver": {"Name": record.driver, "Data": None},
        "Mounts": [mount_of(msgspec.to_builtins(each)) for each in record.mounts if each.type != "tmpfs"],
        "Config": {**msgspec.to_builtins(record.config), "Hostname": record.config.hostname or id[:12]},
        "NetworkSettings": _network(record, endpoints),
    }


def state_of(now: State) -> dict[str, Any]:
    """Docker's State."""
    found: dict[str, Any] = {
        "Status": now.status,
        "Running": now.status in lifecycle.ALIVE,
        "Paused": now.status == lifecycle.PAUSED,
        "Restarting": now.status == lifecycle.RESTARTING,
        "OOMKilled": now.oom_killed,
        "Dead": now.status == lifecycle.DEAD,
        "Pid": now.pid,
        "ExitCode": now.exit_code,
        "Error": now.error,
        "StartedAt": now.started_at,
        "FinishedAt": now.finished_at,
    }
    if now.health is not None:
        found["Health"] = now.health
    return found


def mount_of(said: dict[str, Any]) -> dict[str, Any]:
    """Docker's MountPoint."""
    told = {name: said[name] for name in _MOUNT if said.get(name) != "" or name in ("Mode", "Propagation")}
    if told["Type"] == "bind":
        told["Propagation"] = told["Propagation"] or "rprivate"
    return told


def endpoints_of(machine: Machine, record: Record, now: State) -> tuple[Endpoint, ...]:
    """Where a container is connected now."""
    return networking.endpoints(machine, record) if now.status in lifecycle.ALIVE else ()


def _network(record: Record, endpoints: tuple[Endpoint, ...]) -> dict[str, Any]:
    first = endpoints[0] if endpoints else None
    bound = {name: msgspec.to_builtins(bindings) or None for name, bindings in networking.published(endpoints).items()}
    ports = {**(dict.fromkeys(record.config.exposed_ports) if endpoints else {}), **bound}
    on_bridge = first is not None and first.network == "bridge"
    joined = {each.network: each for each in endpoints}
    names = networking.names(record) or [name for name in ("host", "none") if name == record.host_config.network_mode]
    return {
        "Bridge": "",
        "SandboxKey": first.netns if first else "",
        "Ports": ports,
        "Gateway": first.gateway if first and on_bridge else "",
        "IPAddress": first.ip if first and on_bridge else "",
        "IPPrefixLen": first.prefix if first and on_bridge else 0,
        "MacAddress": first.mac if first and on_bridge else "",
        "Networks": {name: _endpoint(record, name, joined.get(name)) for name in names},
    }


def _endpoint(record: Record, name: str, at: Endpoint | None) -> dict[str, Any]:
    asked = record.networking_config.endpoints_config.get(name)
    return {
        "IPAMConfig": {"IPv4Address": asked.ipv4_address} if asked and asked.ipv4_address else None,
        "Links": None,
        "Aliases": list(at.aliases) if at is not None and at.aliases else None,
        "NetworkID": at.network_id if at is not None else "",
        "EndpointID": at.id if at is not None else "",
        "Gateway": at.gateway if at is not None else "",
        "IPAddress": at.ip if at is not None else "",
        "IPPrefixLen": at.prefix if at is not None else 0,
        "MacAddress": at.mac if at is not None else "",
        "DNSNames": [record.name, *at.aliases] if at is not None and at.network != "bridge" else None,
    }
