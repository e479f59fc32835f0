"""The same values given to a real docker: what its `inspect` shows is what we read, and what it refuses we refuse."""

import json
import shlex
from pathlib import Path
from typing import Any

import click
import msgspec
import pytest

from runtime.bundle import capabilities, checks, host, image, resources
from runtime.bundle.container import ContainerConfig, HostConfig
from runtime.bundle.errors import BundleError
from tests.runtime.bundle.cases import asked
from tests.runtime.bundle.docker import IMAGE, Engine

TAKEN = [
    "-p 80:80 -p 127.0.0.1:8080:81/udp -p [::1]::82 -p 8000-8002:9000-9002 -p 7000-7005:83 -p 84 --expose 90-92/tcp",
    "--restart on-failure:5 --ulimit nofile=10:20 --ulimit core=-1 --stop-signal SIGINT --stop-timeout 3",
    "--rm -it -h name -u 5:6 -w /w -e A=1 -e B= -e NOT_HERE -l a -l b=c=d --entrypoint '' IMAGE true",
    "--entrypoint /bin/sh -d IMAGE",
    "--health-cmd 'exit 0' --health-interval 1m30s --health-timeout 1.5s --health-retries 3 --health-start-period 1h",
    "--no-healthcheck --log-driver json-file --log-opt max-size=10m --log-opt max-file=3",
    "-m 512m --memory-swap -1 --memory-reservation 300M --cpus .5 --cpu-shares 10 --cpuset-cpus 0-1 --pids-limit 5",
    "-m 1.5g --memory-swap 2GiB --shm-size 64kb --oom-score-adj -5",
    "--cpu-period 50000 --cpu-quota 25000 --cpuset-mems 0",
    "-v /usr:/a -v /usr:/b:ro,rslave -v named:/c:nocopy -v /usr//lib/../bin:/d/:z -v /anonymous",
    "--mount type=bind,src=/usr,dst=/a,ro --mount type=volume,source=nn,target=/b,volume-nocopy=true,volume-label=k=v",
    "--mount target=/c --mount 'type=tmpfs,target=/d,tmpfs-size=1m,tmpfs-mode=0700' --tmpfs /e --tmpfs /f:size=5m,ro",
    "--device /dev/null --device /dev/null:/dev/x --device /dev/null:r --device /dev/null:/dev/y:rw",
    "--add-host a:1.2.3.4 --add-host b:::1 --add-host c:host-gateway --dns 8.8.8.8 --dns-search . --dns-option x:1",
    "--sysctl net.ipv4.ip_forward=1 --cap-add NET_ADMIN --cap-drop ALL --security-opt no-new-privileges --init",
    "--network host --pid host --ipc shareable --uts host --userns host --cgroupns private --read-only --privileged",
    "--network host --domainname d --cgroup-parent /p --group-add 5 --group-add g --oom-kill-disable -m 10m -P",
]
REFUSED = [
    "-p 70000:80",
    "-p 80-81:80-82",
    "-p 1.2.3:80:80",
    "-p 80/xyz",
    "-p :",
    "--expose 80-70",
    "-v /a:/b:/c:ro",
    "-v /a:b",
    "-v /usr:/",
    "-v /usr:/x:ro,rw",
    "-v /usr:/x:what",
    "-v bad?name:/x",
    "--mount source=n,target=/x",
    "-v /usr:/x -v /bin:/x",
    "--mount type=bind,target=/x",
    "--mount type=what,target=/x",
    "--mount type=volume,source=x",
    "--mount type=tmpfs,source=/a,target=/x",
    "--mount type=bind,source=/usr,target=/x,what=1",
    "--mount type=bind,source=/usr,target=/x,bind-propagation=up",
    "--mount type=tmpfs,target=/x,tmpfs-mode=999",
    "--mount type=bind,source=/usr,target=/x,readonly=maybe",
    "--tmpfs relative",
    "--device ''",
    "--device relative",
    "--device /dev/null:/dev/x:q",
    "--device-cgroup-rule 'x 1:1 r'",
    "-m 5x",
    "-m 4m",
    "-m 100m --memory-swap 50m",
    "--memory-swap 50m",
    "-m 10m --memory-reservation 20m",
    "--cpus 1000",
    "--cpus 0.1 --cpu-quota 5000",
    "--cpu-period 5",
    "--cpuset-cpus 900",
    "--oom-score-adj 5000",
    "--memory-swappiness 200",
    "--ulimit nofile",
    "--ulimit nofile=20:10",
    "--ulimit what=1",
    "--restart sometimes",
    "--restart always:3",
    "--restart on-failure:x",
    "--rm --restart always",
    "--health-interval 5",
    "--health-interval -1s",
    "--health-cmd x --no-healthcheck",
    "--health-interval 1us",
    "-e =x",
    "-e ''",
    "--env-file /nowhere/at/all",
    "--add-host a",
    "--add-host a:b",
    "--dns x",
    "--dns-search 'a b'",
    "--sysctl what.is.it=1",
    "--sysctl novalue",
    "--cap-add NOPE",
    "--security-opt what=1",
    "--security-opt what",
    "--security-opt seccomp=/nowhere/at/all",
    "--log-opt what=1",
    "--log-driver none --log-opt max-size=1m",
    "--stop-signal NOPE",
    "--pid what",
    "--ipc what",
    "--uts what",
    "--userns what",
    "--cgroupns what",
    "--uts host -h name",
    "--network container:x -h name",
    "--network container:x -p 80:80",
    "--network container:x --dns 8.8.8.8",
    "--network container:x --add-host a:1.2.3.4",
    "-w relative",
    "--rm=maybe",
    "--attach what",
    "--pids-limit x",
    "--what",
    "-Z",
    "--entrypoint '' IMAGE",
]
# Fields of docker's that say the same in other words, or that the old engine does not have.
NOT_COMPARED = {"MaskedPaths", "ReadonlyPaths", "OomKillDisable", "MemorySwappiness", "Image"}


def split(line: str) -> tuple[list[str], list[str]]:
    options, _, arguments = f"{line} ".partition(" IMAGE ")
    words = shlex.split(options)
    return [word for word in words if word not in ("-d", "")] if "-d" in words else words, shlex.split(arguments)


def read(engine: Engine, options: list[str], arguments: list[str]) -> tuple[ContainerConfig, HostConfig]:
    """What we make of a command line before a container of it is made."""
    request = asked(options, arguments).request
    checks.check(request, host.read())
    return image.merge(request.config, image.read(engine.image_config())), request.host_config


@pytest.mark.parametrize("line", TAKEN)
def test_inspect_shows_what_we_read(engine: Engine, line: str) -> None:
    options, arguments = split(line)
    container = engine.docker("create", *options, IMAGE, *arguments)
    try:
        theirs = json.loads(engine.docker("inspect", container))[0]
    finally:
        engine.docker("rm", "--volumes", container)
    config, host_config = read(engine, options, arguments)
    host_config = msgspec.structs.replace(host_config, memory_swap=resources.swap(host_config))
    ours = {"Config": msgspec.to_builtins(config), "HostConfig": msgspec.to_builtins(host_config)}
    for part, fields in ours.items():
        shown = {name: value for name, value in fields.items() if name in theirs[part] and name not in NOT_COMPARED}
        assert plain(shown) == plain({name: settled(name, theirs[part][name], container) for name in shown})


def settled(name: str, value: Any, container: str) -> Any:  # noqa: ANN401 - a field of inspect
    """What docker fills in where nobody asked, as we have it before the engine does so."""
    defaults = {
        "IpcMode": ("private",),
        "CgroupnsMode": ("host",),
        "Hostname": (container[:12], host.read().hostname),
        "Runtime": ("runc",),
        "SecurityOpt": (["label=disable"],),
    }
    if name in ("CapAdd", "CapDrop"):
        return [capabilities.read(each) for each in value or ()]
    return None if value in defaults.get(name, ()) else value


def plain(fields: dict[str, Any]) -> dict[str, Any]:
    """Without what is empty, and without the order of what has none."""
    found = {name: without_nothing(value) for name, value in fields.items()}
    kept = {name: value for name, value in found.items() if value}
    for name in ("Binds", "Ulimits", "Env"):
        kept[name] = sorted(kept.get(name, ()), key=json.dumps)
    return kept


def without_nothing(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        found = {name: without_nothing(each) for name, each in value.items()}
        # An empty object can say something, as it does of an exposed port; that of a driver says nothing.
        return {
            name: each for name, each in found.items() if each not in (None, "", 0, False) and name != "DriverConfig"
        }
    return [without_nothing(each) for each in value] if isinstance(value, list | tuple) else value


@pytest.mark.parametrize("line", REFUSED)
def test_what_docker_refuses_is_refused(engine: Engine, line: str, tmp_path: Path) -> None:
    options, arguments = split(line)
    refused = engine.docker.run("run", "-d", *options, IMAGE, *arguments, check=False)
    if refused.code == 0:
        engine.docker("rm", "--force", "--volumes", refused.out.strip())
    assert refused.code == 125
    with pytest.raises((BundleError, click.UsageError)) as error:
        read(engine, options, arguments)
    assert len(str(error.value)) > 10
