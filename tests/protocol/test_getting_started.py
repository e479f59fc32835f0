"""What docs/getting-started.md does with curl, done as it stands there."""

import os
import re
import subprocess
from pathlib import Path

from tests.project.source import ROOT
from tests.protocol.server import Server

PAGE = (ROOT / "docs" / "getting-started.md").read_text()


def test_the_commands_with_curl_work(tmp_path: Path) -> None:
    found = re.search(r"<!-- run -->\n```sh\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    server = Server(tmp_path).start()
    try:
        done = subprocess.run(
            ["bash", "-euxo", "pipefail", "-c", found[1]],
            cwd=tmp_path,
            env=dict(os.environ) | {"REGISTRY": f"http://127.0.0.1:{server.port}"},
            capture_output=True,
            text=True,
        )
        log = server.log
    finally:
        server.stop()
    assert done.returncode == 0, done.stderr
    assert 'hello{"name":"team/files","tags":["latest"]}' in done.stdout.replace(" ", "").replace("\n", "")
    shown = re.search(r"```\n(entrepot .*?)```", PAGE, re.DOTALL)
    assert shown is not None
    greeting = (
        shown[1].replace("127.0.0.1:5000", f"127.0.0.1:{server.port}").replace("   data\n", f"   {server.root}\n")
    )
    assert [line for line in greeting.splitlines() if line not in log] == []
