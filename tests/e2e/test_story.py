"""The story that the README tells, run as it stands there, on two hosts: namespaces with a cable between them."""

import re
import subprocess
import textwrap
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.processes import run, unmount_below
from tests.project.source import ROOT

pytestmark = pytest.mark.e2e

ADDRESSES = {"one": "10.213.7.1", "two": "10.213.7.2"}
NOTHING = ["0B", "0B", "0B"]


@pytest.fixture
def hosts() -> Iterator[dict[str, str]]:
    """Two network namespaces by the names that the README gives them; the cable goes with them."""
    names = {host: f"entrepot-story-{host}" for host in ADDRESSES}
    with ExitStack() as stack:
        for name in names.values():
            run(["ip", "netns", "add", name])
            stack.callback(run, ["ip", "netns", "delete", name])
        one, two = names.values()
        run(["ip", "link", "add", "cable0", "netns", one, "type", "veth", "peer", "name", "cable0", "netns", two])
        for host, address in ADDRESSES.items():
            run(["ip", "-n", names[host], "address", "add", f"{address}/24", "dev", "cable0"])
            for device in ("lo", "cable0"):
                run(["ip", "-n", names[host], "link", "set", device, "up"])
        yield names


def story() -> str:
    found = re.search(r"<!-- story -->\n```bash\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert found is not None
    return found.group(1)


def prelude(folder: Path, hosts: dict[str, str]) -> str:
    """`one` and `two` as the README means them, a registry without TLS, and its end at the end."""
    (folder / "runtime.toml").write_text(f'insecure_registries = ["http://{ADDRESSES["one"]}:5000"]\n')
    functions = [
        textwrap.dedent(f"""\
            {host}() {{
              local own=  # in the background it is the command itself that is ended, and not a shell that waits for it
              if (( BASH_SUBSHELL )); then own=exec; fi
              ENTREPOT_RUNTIME_ROOT={folder}/{host} ENTREPOT_RUNTIME_RUN_ROOT={folder}/{host}.run \\
                $own nsenter --net=/run/netns/{name} "$@"
            }}
            """)
        for host, name in hosts.items()
    ]
    return "\n".join(
        [
            "set -euo pipefail",
            f"export PATH={ROOT}/.venv/bin:$PATH ENTREPOT_RUNTIME_CONFIG={folder}/runtime.toml",
            f"REGISTRY={ADDRESSES['one']}:5000",
            "trap 'kill $(jobs -p)' EXIT",
            *functions,
            "",
        ]
    )


def test_the_whole_story(tmp_path: Path, hosts: dict[str, str]) -> None:
    script = prelude(tmp_path, hosts) + story()
    try:
        done = subprocess.run(
            ["bash", "-c", script], cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=200
        )
    finally:
        unmount_below(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert "hello from a container" in lines
    assert "changed" in lines
    assert lines.index("hello from a container") < lines.index("changed")
    sizes = [re.split(r"\s{2,}", line)[3] for line in lines[-4:] if re.match(r"Images|Containers|Local Volumes", line)]
    assert sizes == NOTHING, lines[-6:]
