"""`run --userns=remap` as it is used: on networks, with exec, cp and commit; and the setting that makes it the rule."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from runtime.engine import namespace
from tests.runtime.cli.containers.conftest import Command
from tests.runtime.engine.bundles import busybox_tree
from tests.runtime.engine.images import install
from tests.runtime.quiet import quiet
from tests.runtime.subordinate import subordinate

FIRST = 1_900_000
USER = "entrepot-test-remapped"
REMAP = f"--userns=remap:{USER}"


@pytest.fixture(scope="module")
def remapping() -> Iterator[Command]:
    """The command on roots that everybody may enter, and with ids for a user; at the end nothing of it is left."""
    with TemporaryDirectory(prefix="entrepot-remapping") as name:
        folder = Path(name)
        folder.chmod(0o755)
        install(folder / "data", busybox_tree(folder / "tree"))
        made = Command(folder)
        namespace.make(made.network)
        subprocess.run(["nsenter", f"--net={made.network}", "ip", "link", "set", "lo", "up"], check=True)
        lines = f"{USER}:{FIRST}:65536\n"
        try:
            with subordinate(lines, lines):
                yield made
                if ids := made("ps", "-aq").split():
                    made("rm", "-fv", *ids)
            made("network", "prune", "-f")
            assert str(folder / "data") not in Path("/proc/self/mountinfo").read_text()
            assert os.listdir(folder / "run" / "containers") == []
        finally:
            namespace.drop(made.network)
            quiet(folder)


def test_it_is_on_networks_as_any_other(remapping: Command) -> None:
    remapping("network", "create", "inner")
    serve = "mkdir /www; echo served > /www/index.html; httpd -f -p 80 -h /www -u 1000"
    id = remapping("run", "-d", REMAP, "--name=web", "--network=inner", "-p", "8080:80", "busybox", "sh", "-c", serve)
    get = "while ! wget -qO- http://web/ 2>/dev/null; do sleep 0.05; done; ping -c 1 web | grep -c '1 packets received'"
    assert remapping("run", "--rm", "--network=inner", "busybox", "sh", "-c", get) == "served\n1\n"
    assert remapping("run", "--rm", REMAP, "--network=inner", "busybox", "sh", "-c", get) == "served\n1\n"
    outside = ["nsenter", f"--net={remapping.network}", "busybox", "wget", "-qO-", "http://127.0.0.1:8080/"]
    assert subprocess.run(outside, capture_output=True, text=True, check=True).stdout == "served\n"
    assert remapping("exec", "web", "sh", "-c", "id -u; echo x > /dev/stdout; cat /proc/self/uid_map").split() == [
        "0",
        "x",
        "0",
        str(FIRST),
        "65536",
    ]
    assert remapping("inspect", "-f", "{{.HostConfig.UsernsMode}}", id.strip()).strip() == f"remap:{USER}"
    remapping("rm", "-f", "web")
    remapping("network", "rm", "inner")


def test_what_is_written_goes_out_and_into_an_image(remapping: Command, tmp_path: Path) -> None:
    (tmp_path / "given").write_text("given")
    write = "echo made > /made; chown 1000:1000 /made; sleep 1000"
    remapping("run", "-d", REMAP, "--name=writer", "--network=none", "busybox", "sh", "-c", write)
    remapping("cp", str(tmp_path / "given"), "writer:/given")
    look = ("stat", "-c", "%u:%g", "/given", "/made")
    assert remapping("exec", "writer", *look) == "0:0\n1000:1000\n"
    assert remapping("diff", "writer").splitlines() == ["A /given", "A /made"]
    remapping("commit", "writer", "written")
    remapping("rm", "-f", "writer")
    for users in ("--userns=host", REMAP):
        assert remapping("run", "--rm", users, "--network=none", "written", *look) == "0:0\n1000:1000\n"
    remapping("rmi", "written")


def test_the_rule_and_its_exceptions(remapping: Command) -> None:
    settings = remapping.folder / "runtime.toml"
    settings.write_text(f'userns_remap = "{USER}"\n')
    settings.chmod(0o644)
    os.environ["ENTREPOT_RUNTIME_CONFIG"] = str(settings)
    try:
        ruled = Command(remapping.folder)
    finally:
        del os.environ["ENTREPOT_RUNTIME_CONFIG"]
    who = ("busybox", "cat", "/proc/self/uid_map")
    assert ruled("run", "--rm", "--network=none", *who).split() == ["0", str(FIRST), "65536"]
    assert ruled("run", "--rm", "--network=none", "--userns=host", *who).split() == ["0", "0", "4294967295"]
    for refused in ("--privileged", "--network=host", "--pid=host", "--ipc=host"):
        ruled("run", "--rm", refused, *who, code=125)
        assert "user namespaces" in ruled.errors
    assert ruled("run", "--rm", "--privileged", "--userns=host", "--network=none", *who).split()[1] == "0"
