"""Command lines whose specs are compared: with docker's own, and with what they were when somebody last looked."""

import shlex
from collections.abc import Mapping
from typing import Any, Final

from runtime.bundle import checks, image, mount_points, user
from runtime.bundle.container import ContainerConfig, HostConfig
from runtime.bundle.host import Host
from runtime.bundle.mount_point import MountPoint
from runtime.cli.declared import declared
from runtime.cli.run_request import Asked
from runtime.cli.run_verb import run_verb
from tests.runtime.bundle.docker import GROUP, PASSWD

_LINES: Final = {
    "default": "--network none",
    "terminal": "--network none -it -h here --domainname lan -w /a/b -e A=1 -e LANG=de",
    "command": "--network none --entrypoint sh IMAGE -c 'sleep 30'",
    "user": "--network none -u app --group-add audio --group-add 77",
    "numbers": "--network none -u 2000000000:5 --security-opt no-new-privileges",
    "capabilities": "--network none --cap-add net_admin --cap-add SYS_ADMIN --cap-drop CAP_MKNOD",
    "nothing": "--network none --cap-drop ALL --cap-add chown --security-opt seccomp=unconfined",
    "privileged": "--network none --privileged --read-only -u app",
    "bounds": "--network none -m 64m --memory-swap 128m --memory-reservation 32m --cpus 1.5 -c 512 --cpuset-cpus 0 "
    "--pids-limit 100 --oom-score-adj 500 --ulimit nofile=1024:2048 --ulimit core=0 --shm-size 1m",
    "mounts": "--network none --read-only -v /usr:/x/y:ro -v named:/x -v named2:/data:nocopy "
    "--mount type=bind,source=/usr,target=/b,readonly,bind-propagation=private "
    "--mount type=tmpfs,target=/z,tmpfs-size=1000,tmpfs-mode=700 --tmpfs /w:size=64k,exec",
    "devices": "--network none --device /dev/net/tun:/dev/tun:rw --device /dev/fuse --device-cgroup-rule 'c 7:* rmw'",
    "host": "--network host --pid host --uts host --ipc host",
    "sysctl": "--network none --sysctl net.core.somaxconn=64 --ipc none --init",
    "cgroupns": "--network none --cgroupns private --security-opt systempaths=unconfined",
}


def _split(line: str) -> tuple[list[str], list[str]]:
    options, _, arguments = line.partition(" IMAGE ")
    return shlex.split(options), shlex.split(arguments)


CASES: Final = {name: _split(line) for name, line in _LINES.items()}
"""Options, and what stands behind the image's name."""


def asked(options: list[str], arguments: list[str], name: str = "image") -> Asked:
    """What a command line of `run` asks for."""
    found: list[Asked] = []
    command = declared(run_verb("", found.append, starts=True))
    command.main([*options, name, *arguments], standalone_mode=False)
    return found[0]


def prepared(
    case: str, image_config: Mapping[str, Any], host: Host
) -> tuple[ContainerConfig, HostConfig, user.User, tuple[MountPoint, ...]]:
    """A case as the engine would bring it before `spec`: merged, checked, the user found, the mounts collected."""
    options, arguments = CASES[case]
    wanted = asked(options, arguments).request
    config = image.merge(wanted.config, image.read(image_config))
    checks.check(wanted, host)
    who = user.resolve(config.user, PASSWD, GROUP, wanted.host_config.group_add)
    return config, wanted.host_config, who, mount_points.collect(config, wanted.host_config)
