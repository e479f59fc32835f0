"""Options of `run` that borrow from other containers, and those that name things."""

from __future__ import annotations

import json
from pathlib import Path

from tests.runtime.cli.containers.conftest import Command


def test_volumes_of_another_container(command: Command, tmp_path: Path) -> None:
    (tmp_path / "given").write_text("bind")
    first = ("-v", "/anonymous", "-v", "named:/named", "-v", f"{tmp_path}:/bind:ro", "--tmpfs", "/tmp/scratch")
    command("run", "--name=first", *first, "busybox", "sh", "-c", "echo one > /anonymous/a; echo two > /named/b")
    show = "cat /anonymous/a /named/b /bind/given; touch /bind/x 2>/dev/null || echo ' kept'; ls /tmp"
    assert command("run", "--rm", "--volumes-from=first", "busybox", "sh", "-c", show) == "one\ntwo\nbind kept\n"
    refused = "touch /named/x 2>/dev/null || echo kept; ls /named"
    own = ("--volumes-from=first:ro", "-v", "mine:/anonymous")
    assert command("run", "--rm", *own, "busybox", "sh", "-c", f"{refused}; ls /anonymous") == "kept\nb\n"
    command("create", "--name=second", "--volumes-from", "first", "busybox", "cat", "/anonymous/a")
    assert json.loads(command("inspect", "-f", "{{json .HostConfig.VolumesFrom}}", "second")) == ["first"]
    mounts = json.loads(command("inspect", "-f", "{{json .Mounts}}", "second"))
    assert {each["Destination"]: each["Type"] for each in mounts} == {
        "/anonymous": "volume",
        "/named": "volume",
        "/bind": "bind",
    }
    command("rm", "-v", "first")  # the second one has what was the first one's alone
    assert command("start", "-a", "second") == "one\n"
    assert len(command("volume", "ls", "-q").split()) == 3
    command("rm", "-v", "second")  # the last that has it
    assert sorted(command("volume", "ls", "-q").split()) == ["mine", "named"]
    assert "no such container" in refusal(command, "run", "--volumes-from=none", "busybox", "true")
    assert "invalid volumes-from" in refusal(command, "create", "--volumes-from=first:rox", "busybox", "true")
    command("volume", "prune", "-af")


def refusal(command: Command, *words: str) -> str:
    """What the command says when it refuses."""
    command(*words, code=125)
    return command.errors


def test_hardware_addresses(command: Command) -> None:
    asked, shown = "92-D0-C6-0A-29-33", "92:d0:c6:0a:29:33\n"
    look = ("busybox", "cat", "/sys/class/net/eth0/address")
    command("run", "--name=addressed", f"--mac-address={asked}", *look)
    assert command("logs", "addressed") == shown
    assert command("start", "-a", "addressed") == shown
    command("rm", "addressed")
    command("network", "create", "inner")
    assert command("run", "--rm", f"--network=name=inner,mac-address={asked}", *look) == shown
    assert command("run", "--rm", "--network=inner", f"--mac-address={asked}", *look) == shown
    command("network", "rm", "inner")
    command("run", "-d", "--name=addressed", "--mac-address=02:00:00:00:00:01", "busybox", "sleep", "100")
    where = '{{(index .NetworkSettings.Networks "bridge").MacAddress}}'
    assert command("inspect", "-f", where, "addressed") == "02:00:00:00:00:01\n"
    for network in ("host", "none", "container:addressed"):
        words = ("create", f"--network={network}", "--mac-address=02:00:00:00:00:01", "busybox", "true")
        assert "mac-address and the network mode" in refusal(command, *words)
    command("rm", "-f", "addressed")


def test_annotations_reach_the_runtime(command: Command) -> None:
    words = ("--annotation", "org.example.a=1=2", "--annotation=org.example.b")
    id = command("run", "-d", *words, "busybox", "sleep", "100").strip()
    wanted = {"org.example.a": "1=2", "org.example.b": ""}
    assert json.loads(command("inspect", "-f", "{{json .HostConfig.Annotations}}", id)) == wanted
    spec = command.folder / "data" / "containers" / id / "bundle" / "config.json"
    assert json.loads(spec.read_text())["annotations"] == wanted
    command("rm", "-f", id)


def test_links_on_the_default_network(command: Command) -> None:
    serve = ("busybox", "sh", "-c", "mkdir /www; echo served > /www/index.html; httpd -f -p 80 -h /www")
    command("run", "-d", "--name=db", "-h", "data", *serve)
    get = "while ! wget -qO- http://store/ 2>/dev/null; do sleep 0.05; done; grep -c 'store data db$' /etc/hosts"
    assert command("run", "--rm", "--link=db:store", "busybox", "sh", "-c", get) == "served\n1\n"
    command("run", "-d", "--name=app", "--link", "db", "busybox", "sleep", "1000")
    assert json.loads(command("inspect", "-f", "{{json .HostConfig.Links}}", "app")) == ["/db:/app/db"]
    look = ("exec", "app", "sh", "-c", "grep -w db /etc/hosts; wget -qO- http://db/")
    before = command(*look)
    assert before.splitlines()[1] == "served"
    command("stop", "-t", "0", "db")
    command("run", "-d", "--name=other", "busybox", "sleep", "1000")  # which takes the address that is free now
    command("start", "db")
    after = command(*look)
    assert after.splitlines()[1] == "served"
    assert after != before
    command("network", "create", "inner")
    command("network", "connect", "inner", "app")
    assert command(*look) == after
    command("network", "disconnect", "inner", "app")
    command("rm", "-f", "other")
    command("stop", "-t", "0", "db", "app")
    command("start", "app", code=1)
    assert "cannot link to a non running container: /db AS /app/db" in command.errors
    command("rm", "db")
    command("start", "app", code=1)
    assert "it is there no more" in command.errors
    command("rm", "app")
    command("run", "-d", "--name=inside", "--network=inner", "busybox", "sleep", "1000")
    assert "does not belong to the default network" in refusal(command, "run", "--link=inside", "busybox", "true")
    for network, told in (
        ("host", "host type"),
        ("container:inside", "container type"),
        ("inner", "the default network"),
    ):
        assert told in refusal(command, "run", f"--network={network}", "--link=inside", "busybox", "true")
    assert "bad format for links" in refusal(command, "run", "--link=inside:", "busybox", "true")
    assert "no such container" in refusal(command, "run", "--link=none", "busybox", "true")
    command("rm", "-f", "inside", *command("ps", "-aq", "--filter", "status=created").split())
    command("network", "rm", "inner")
