"""Networks: names and aliases, apart from each other, ports published to other hosts and localhost, joining later."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.containers.engines import Engine, network
from tests.e2e.processes import run, wait_until

pytestmark = pytest.mark.e2e

HERE, THERE = "10.213.9.1", "10.213.9.2"
SERVE = "mkdir -p /www; hostname > /www/index.html; exec httpd -f -h /www -p "


@contextmanager
def other_host(engine: Engine) -> Iterator[str]:
    """Another host, with a cable to the engine's; its network namespace."""
    name, ours = f"entrepot-other-{engine.name}", Path(engine.namespace).name
    with network(name) as path:
        run(["ip", "link", "add", "cable0", "netns", ours, "type", "veth", "peer", "name", "cable0", "netns", name])
        for namespace, address in ((ours, HERE), (name, THERE)):
            run(["ip", "-n", namespace, "address", "add", f"{address}/24", "dev", "cable0"])
            run(["ip", "-n", namespace, "link", "set", "cable0", "up"])
        yield path


def fetched(namespace: str, url: str) -> str:
    """What a page says, asked for from there; empty if nothing answers."""
    words = ["nsenter", f"--net={namespace}", "--", "busybox", "timeout", "2", "busybox", "wget", "-qO-", url]
    return run(words, check=False).out.strip()


def address(engine: Engine, name: str, on: str = "bridge") -> str:
    """A container's address."""
    return engine.asked(name, f'{{{{(index .NetworkSettings.Networks "{on}").IPAddress}}}}')


def serve(engine: Engine, name: str, *options: str, port: int = 80) -> None:
    """A container that serves a page with its name."""
    engine("run", "-d", "--name", name, "--hostname", name, *options, "busybox", "sh", "-c", f"{SERVE}{port}")


def test_ports_are_published(engine: Engine, tmp_path: Path) -> None:
    with other_host(engine) as there:
        serve(
            engine, "web", "-p", "8088:80", "-p", "127.0.0.1:8089:80/tcp", "-p", "9000-9001:90-91/udp", "--expose=443"
        )
        urls = (
            "http://localhost:8088/",
            f"http://{HERE}:8088/",
            "http://127.0.0.1:8089/",
            f"http://{address(engine, 'web')}/",
        )
        wait_until(lambda: fetched(engine.namespace, urls[0]) == "web", "page")
        assert [fetched(engine.namespace, url) for url in urls] == ["web"] * 4
        assert fetched(there, f"http://{HERE}:8088/") == "web"
        assert fetched(there, f"http://{HERE}:8089/") == ""
        assert {"0.0.0.0:8088", "127.0.0.1:8089"} <= set(engine.lines("port", "web", "80/tcp"))
        assert {"80/tcp -> 127.0.0.1:8089", "90/udp -> 0.0.0.0:9000", "91/udp -> 0.0.0.0:9001"} <= set(
            engine.lines("port", "web")
        )
        assert "no public port" in engine.refuses("port", "web", "81")
        shown = engine("ps", "--filter", "name=web", "--format", "{{.Ports}}").strip().split(", ")
        assert {"443/tcp", "0.0.0.0:8088->80/tcp", "127.0.0.1:8089->80/tcp", "0.0.0.0:9000->90/udp"} <= set(shown)
        for port, found in (("8088", ["web"]), ("8000-8100/tcp", ["web"]), ("80", []), ("9000/udp", ["web"])):
            assert engine.lines("ps", "--filter", f"publish={port}", "--format", "{{.Names}}") == found
        assert engine.lines("ps", "--filter", "expose=443", "--format", "{{.Names}}") == ["web"]
        assert "port is already allocated" in engine.refuses("run", "--rm", "-p", "8088:80", "busybox", code=125)
        ports = engine.document("inspect", "web")[0]["NetworkSettings"]["Ports"]
        assert ports["443/tcp"] is None
        assert {"HostIp": "127.0.0.1", "HostPort": "8089"} in ports["80/tcp"]
        serve(engine, "free", "-P", "--expose=80")
        port = engine("port", "free", "80").splitlines()[0].rpartition(":")[2]
        wait_until(lambda: fetched(there, f"http://{HERE}:{port}/") == "free", "page")
        # What leaves has this host's address, and comes back.
        run(["nsenter", f"--net={there}", "--", "busybox", "httpd", "-h", tmp_path, "-p", f"{THERE}:7777"])
        engine("exec", "web", "wget", "-qO-", f"http://{THERE}:7777/nosuch", code=1)
        assert "404" in engine.errors
        engine("rm", "-f", "web", "free")
        assert fetched(engine.namespace, "http://127.0.0.1:8088/") == ""
        _end_of(there)


def _end_of(namespace: str) -> None:
    """End what was begun in a network namespace."""
    for pid in run(["ip", "netns", "pids", Path(namespace).name]).out.split():
        run(["kill", pid])


def test_names_and_isolation(engine: Engine) -> None:
    one = engine("network", "create", "--label", "of=test", "--subnet", "10.99.1.0/24", "one").strip()
    engine("network", "create", "two")
    assert "already exists" in engine.refuses("network", "create", "one")
    serve(engine, "names", "--network=one", "--network-alias=other-name", "--ip=10.99.1.77", "--add-host=far:10.1.2.3")
    serve(engine, "apart", "--network=two")
    serve(engine, "default")
    engine("run", "-d", "--name", "asking", "--network", "one", "busybox", "sleep", "1000")
    for name in ("names", "other-name", "names.one", "10.99.1.77"):
        wait_until(lambda name=name: _asks(engine, "asking", name) == "names", f"page of {name}")  # type: ignore[misc]
    assert [
        _asks(engine, "asking", name) for name in ("apart", address(engine, "apart", "two"), address(engine, "default"))
    ] == [""] * 3
    assert _asks(engine, "names", "apart") == ""
    shown = engine("exec", "names", "cat", "/etc/hosts", "/etc/resolv.conf")
    assert re.search(r"^10\.1\.2\.3\s+far$", shown, re.MULTILINE)
    assert re.search(r"^10\.99\.1\.77\s+names$", shown, re.MULTILINE)
    assert "nameserver 127.0.0.11" in shown

    engine("network", "connect", "--alias", "late", "two", "asking")
    assert _asks(engine, "asking", "apart") == "apart"
    assert _asks(engine, "asking", "names") == "names"
    assert set(engine.document("inspect", "asking")[0]["NetworkSettings"]["Networks"]) == {"one", "two"}
    assert "already exists" in engine.refuses("network", "connect", "two", "asking")
    engine("network", "disconnect", "two", "asking")
    assert _asks(engine, "asking", "apart") == ""
    assert "is not connected" in engine.refuses("network", "disconnect", "two", "asking")
    joined = engine.lines(
        "run", "--rm", "--network=container:names", "busybox", "sh", "-c", "wget -qO- http://localhost/; hostname -i"
    )
    assert joined == ["names", "10.99.1.77"]

    engine("create", "--name", "later", "--network=one", "busybox", "sleep", "1000")
    engine("network", "connect", "two", "later")
    engine("start", "later")
    assert [_asks(engine, "later", name) for name in ("names", "apart")] == ["names", "apart"]
    engine("rm", "-f", "later")

    engine("rename", "names", "renamed")
    engine("restart", "-t", "0", "renamed")
    wait_until(lambda: _asks(engine, "asking", "renamed") == "names", "page of the new name")
    assert address(engine, "renamed", "one") == "10.99.1.77"

    assert engine.lines(
        "network", "ls", "--filter", "label=of=test", "--format", "{{.ID}} {{.Name}} {{.Driver}} {{.Scope}}"
    ) == [f"{one[:12]} one bridge local"]
    assert engine.lines("network", "ls", "-q", "--no-trunc", "-f", "name=^one$") == [one]
    assert {"bridge", "host", "none", "one", "two"} <= set(engine.lines("network", "ls", "--format", "{{.Name}}"))
    assert engine.lines("network", "ls")[0].split() == ["NETWORK", "ID", "NAME", "DRIVER", "SCOPE"]
    [told] = engine.document("network", "inspect", "one")
    assert {"Name", "Id", "Created", "Scope", "Driver", "IPAM", "Internal", "Containers", "Options", "Labels"} <= set(
        told
    )
    assert told["IPAM"]["Config"][0]["Subnet"] == "10.99.1.0/24"
    assert sorted(each["Name"] for each in told["Containers"].values()) == ["asking", "renamed"]
    assert "has active endpoints" in engine.refuses("network", "rm", "one")
    assert "not found" in engine.refuses("network", "inspect", "nosuch") or engine.is_docker
    engine("rm", "-f", "renamed", "apart", "default", "asking")
    assert engine("network", "rm", "one") == "one\n"
    assert engine("network", "prune", "-f") == "Deleted Networks:\ntwo\n\n"


def test_no_network_and_the_hosts(engine: Engine) -> None:
    assert engine("run", "--rm", "--network=none", "busybox", "ls", "/sys/class/net") == "lo\n"
    script = "readlink /proc/self/ns/net; hostname"
    here = run(["nsenter", f"--net={engine.namespace}", "sh", "-c", script]).out
    assert engine("run", "--rm", "--network=host", "busybox", "sh", "-c", script) == here
    more = () if engine.is_docker else ("--add-host=far:10.1.2.3",)  # with which docker forgets the host's file
    file = engine("run", "--rm", "--network=host", *more, "busybox", "cat", "/etc/hosts").rstrip()
    assert file == Path("/etc/hosts").read_text().rstrip() + ("\n10.1.2.3\tfar" if more else "")
    shown = engine.lines(
        "run", "--rm", "--dns=10.9.8.7", "--dns-search=a.example", "busybox", "cat", "/etc/resolv.conf"
    )
    assert {"search a.example", "nameserver 10.9.8.7"} <= set(shown)
    assert not [line for line in shown if line.startswith("nameserver") and "10.9.8.7" not in line]
    assert "not found" in engine.refuses("run", "--rm", "--network=nosuch", "busybox", code=125)
    engine("network", "create", "--internal", "inner")
    if not engine.is_docker:  # which leads there all the same, and drops what comes
        assert "default" not in engine("run", "--rm", "--network=inner", "busybox", "ip", "route")
    engine("network", "rm", "inner")


def _asks(engine: Engine, container: str, name: str) -> str:
    return engine.tried("exec", container, "timeout", "1", "wget", "-qO-", f"http://{name}/").strip()
