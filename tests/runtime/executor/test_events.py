"""What `events` tells as it goes on: statistics, and kills for want of memory; it ends with the container."""

import json
import subprocess
from typing import Any

from tests.runtime.executor.bundles import Bundle, Runtime

GREEDY = "read go; dd if=/dev/zero of=/dev/null bs=64M count=1; exec sleep 1000"


def limited(config: dict[str, Any]) -> None:
    config["linux"]["resources"]["memory"] = {"limit": 24 << 20}


def test_kills_for_want_of_memory_are_told_at_once(ours: Runtime, bundle: Bundle) -> None:
    (bundle.rootfs / "bin/dd").symlink_to("busybox")
    bundle.write(limited, args=["sh", "-c", GREEDY])
    command = [*ours.command, "run", "-b", str(bundle.directory), "box"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as running:
        assert running.stdin is not None
        while ours("state", "box").returncode != 0 or ours.status("box") != "running":
            assert running.poll() is None
        watch = [*ours.command, "events", "--interval", "60s", "box"]
        with subprocess.Popen(watch, stdout=subprocess.PIPE, text=True) as events:
            assert events.stdout is not None
            assert json.loads(events.stdout.readline())["type"] == "stats"
            running.stdin.write(b"\n")
            running.stdin.close()
            assert json.loads(events.stdout.readline()) == {"type": "oom", "id": "box"}
            ours.ok("kill", "box", "KILL")
            assert events.stdout.read() == ""
            assert events.wait(10) == 0
        assert running.wait(10) == 137
