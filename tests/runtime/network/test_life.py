"""What is there, what goes, and what nobody may leave behind."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from runtime.network.definition import Wishes
from runtime.network.endpoint import Publish
from runtime.network.errors import NetworkError, NetworkInUse, NetworkNotFound, NotConnected, NotPermitted
from runtime.network.networks import Networks
from tests.runtime.network.place import HOST, OUTSIDE, Namespace, Place

ATTACH = """
import sys
from pathlib import Path
from runtime.network.endpoint import Publish
from runtime.network.networks import Networks
networks = Networks(Path(sys.argv[1], "root"), Path(sys.argv[1], "run"))
for number, path in enumerate(sys.argv[2:]):
    networks.attach("mine", f"{number:064x}", path, name=f"c{number}", ports=(Publish(80), Publish(80, "udp")))
    print(number, flush=True)
"""


def test_everything_goes_with_the_last_container_and_network(place: Place) -> None:
    place.host.run("nft", "add", "table", "ip", "others")
    before = place.rules(), place.host.run("sysctl", "-n", "net.ipv4.ip_forward")
    with place.inside() as networks:
        networks.create("mine")
    place.container("web", ports=[Publish(80)])
    place.container("db", "mine")
    assert len(place.devices()) == 4
    assert place.host.run("sysctl", "-n", "net.ipv4.ip_forward") == "1\n"
    with place.inside() as networks:
        with pytest.raises(NetworkInUse, match=r"network mine has active endpoints \(db\)"):
            networks.remove("mine")
        networks.detach(place.id("web"))
        networks.detach(place.id("db"))
        networks.detach(place.id("db"))
        assert [network.name for network in networks.prune()] == ["mine"]
        assert [network.name for network in networks.every()] == ["bridge", "host", "none"]
    assert place.devices() == []
    assert (place.rules(), place.host.run("sysctl", "-n", "net.ipv4.ip_forward")) == before
    assert sorted(os.listdir(place.folder / "run" / "networks")) == ["resolver.lock"]


def test_a_kill_at_any_moment_leaves_nothing(place: Place) -> None:
    with place.inside() as networks:
        networks.create("mine")
    spaces = [Namespace() for _ in range(6)]
    for after in (1, 2, 4):
        with place.host.within():
            command = [sys.executable, "-c", ATTACH, str(place.folder)]
            paths = [f"/proc/{os.getpid()}/fd/{space.number}" for space in spaces]
            child = subprocess.Popen(
                [*command, *paths], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3]
            )
        assert child.stdout is not None
        for _ in range(after):
            child.stdout.readline()
        time.sleep(after * 0.003)
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        with place.inside() as networks:
            removed = networks.reconcile(())
            assert after <= len(removed) <= len(spaces)
            assert networks.endpoints(networks.inspect("mine")) == []
        assert [device for device in place.devices() if device.startswith("veth")] == []
        assert "dnat to" not in place.rules()
        assert all("eth0" not in space.run("ip", "-o", "link") for space in spaces)
    for space in spaces:
        space.close()


def test_many_at_once(place: Place) -> None:
    with place.inside() as networks:
        networks.create("mine", Wishes(subnet="10.9.0.0/24"))
    with ThreadPoolExecutor(20) as pool:
        made = list(pool.map(lambda each: place.container(f"c{each}", "mine", ports=[Publish(80)]), range(20)))
    assert len({endpoint.ip for _, endpoint in made}) == 20
    assert len({endpoint.ports[0].host_port for _, endpoint in made}) == 20
    for namespace, _ in made:
        namespace.serve(80)
    assert all(place.outside.ask(HOST, endpoint.ports[0].host_port) == OUTSIDE for _, endpoint in made)
    assert made[0][0].look_up("c19")[0] == 0


def test_rules_that_others_flushed_come_back(place: Place) -> None:
    web, _ = place.container("web", ports=[Publish(80, host_port=8080)])
    web.serve(80)
    place.host.run("nft", "flush", "ruleset")
    assert place.outside.cannot(HOST, 8080)
    with place.inside() as networks:
        assert networks.reconcile({place.id("web")}) == []
    assert place.outside.ask(HOST, 8080) == OUTSIDE


def test_what_cannot_be_found_or_removed(place: Place) -> None:
    with place.inside() as networks:
        mine = networks.create("mine")
        assert networks.inspect(mine.id[:10]) == networks.inspect("mine") == mine
        with pytest.raises(NetworkNotFound, match="network nothing not found"):
            networks.inspect("nothing")
        with pytest.raises(NetworkError, match="is a pre-defined network and cannot be removed"):
            networks.remove("bridge")
        with pytest.raises(NotConnected, match="is not connected to network mine"):
            networks.detach(place.id("web"), "mine")
        with pytest.raises(NetworkError, match="is the container running"):
            networks.attach("bridge", place.id("web"), "/proc/0/ns/net", name="web")
        with pytest.raises(NetworkError, match="connects nothing"):
            networks.attach("host", place.id("web"), "/proc/self/ns/net", name="web")
        assert networks.endpoints(networks.inspect("bridge")) == []


def test_a_subnet_the_host_routes_is_not_chosen(place: Place) -> None:
    place.host.run("ip", "route", "add", "172.17.5.0/24", "via", OUTSIDE)
    place.host.run("ip", "address", "add", "172.18.0.9/24", "dev", "cable")
    with place.inside() as networks:
        assert networks.inspect("bridge").subnet == "172.19.0.0/16"


def test_without_root(place: Place) -> None:
    folder = Path(tempfile.mkdtemp(prefix="entrepot-user-"))
    folder.chmod(0o777)
    child = os.fork()
    if child == 0:
        os.setgid(65534)
        os.setuid(65534)
        try:
            Networks(folder / "root", folder / "run").attach("bridge", "0" * 64, "/proc/self/ns/net", name="web")
        except NotPermitted as error:
            os._exit(7 if "--network host or --network none" in str(error) else 8)
        finally:
            os._exit(9)
    _, status = os.waitpid(child, 0)
    subprocess.run(["rm", "-r", "--", folder], check=True)
    assert os.waitstatus_to_exitcode(status) == 7


def test_another_root_on_the_same_host_is_left_alone(place: Place) -> None:
    web, _ = place.container("web", ports=[Publish(80, host_port=8080)])
    web.serve(80)
    other, space = Networks(place.folder / "root2", place.folder / "run2"), Namespace()
    with place.host.within():
        endpoint = other.attach("bridge", place.id("web"), space.path, name="web", ports=[Publish(80, host_port=8081)])
        space.serve(80)
        assert endpoint.ip != "172.17.0.2"
        assert place.outside.ask(HOST, 8080) == place.outside.ask(HOST, 8081) == OUTSIDE
        other.reconcile(())
        other.prune()
    assert place.outside.ask(HOST, 8080) == OUTSIDE
    space.close()
