"""What happens to networks is told, and a port that leads to a container is nobody else's while it lives."""

import json
import subprocess
import sys

from tests.runtime.cli.containers.conftest import Command

BIND = "import socket, sys; socket.create_server(('0.0.0.0', 8080)).close()"


def told(command: Command, *filters: str) -> list[tuple[str, str, dict[str, str]]]:
    """Events of networks: what, of which, and the rest."""
    wanted = [word for each in ("type=network", *filters) for word in ("--filter", each)]
    lines = command("events", "--since", "1m", "--until", "0s", "--format", "json", *wanted).splitlines()
    events = [json.loads(line) for line in lines]
    return [(event["Action"], event["Actor"]["ID"], event["Actor"]["Attributes"]) for event in events]


def is_free(command: Command) -> bool:
    """Whether a server of the host could have the port."""
    words = ["nsenter", f"--net={command.network}", "--", sys.executable, "-c", BIND]
    return subprocess.run(words, stderr=subprocess.DEVNULL).returncode == 0


def test_what_happens_to_networks_is_told_as_docker_does(command: Command) -> None:
    network = command("network", "create", "told").strip()
    other = command("network", "create", "pruned").strip()
    container = command("run", "-d", "--name=one", "--network=told", "busybox", "sleep", "1000").strip()
    command("network", "connect", "bridge", "one")
    command("network", "disconnect", "told", "one")
    command("rm", "-f", "one")
    command("network", "rm", "told")
    command("network", "prune", "-f")
    about = {"name": "told", "type": "bridge"}
    with_container = {**about, "container": container}
    assert told(command, "network=told") == [
        ("create", network, about),
        ("connect", network, with_container),
        ("disconnect", network, with_container),
        ("destroy", network, about),
    ]
    assert [action for action, *_ in told(command, "network=bridge")] == ["connect", "disconnect"]
    assert [action for action, id, _ in told(command) if id == other] == ["create", "destroy"]


def test_a_port_is_held_while_its_container_lives(command: Command) -> None:
    command("run", "-d", "--name=web", "-p", "8080:80", "busybox", "sleep", "1000")
    assert not is_free(command)
    command("restart", "-t", "0", "web")
    assert not is_free(command)
    command("stop", "-t", "0", "web")
    assert is_free(command)
    command("start", "web")
    assert not is_free(command)
    command("rm", "-f", "web")
    assert is_free(command)
