"""A container on an OCI runtime in a scope of systemd's: made, limited, still so after a reload, changed, gone."""

import json
import subprocess
from collections.abc import Iterator
from typing import Any

from tests.e2e.vm.guest import groups
from tests.e2e.vm.guest.containers import RESOURCES
from tests.runtime.executor.bundles import Bundle, Runtime

PROPERTIES = ("MemoryMax", "MemorySwapMax", "MemoryLow", "TasksMax", "CPUQuotaPerSecUSec", "AllowedCPUs", "Delegate")


def looks(runtime: Runtime, bundle: Bundle) -> Iterator[tuple[str, object]]:
    """All of it, by name."""
    side = bundle.group.rpartition("/")[2]
    unit = f"test-{side}.scope"
    bundle.write(lambda config: _ruled(config, f"walled-{side}.slice:test:{side}"), args=["sleep", "1000"])
    runtime.background("run", "--detach", "--bundle", bundle.directory, "scope")
    group = groups.of(json.loads(runtime.ok("state", "scope"))["pid"])
    yield "group", group
    yield "alone", len(json.loads(runtime.ok("ps", "--format", "json", "scope")))
    yield "known", _systemctl("show", "--property", ",".join(PROPERTIES), unit)
    yield "limits", groups.read(group)
    _systemctl("daemon-reload")
    yield "reloaded", groups.read(group)
    resources = {"memory": {"limit": 128 << 20, "swap": -1}, "pids": {"limit": 9}, "cpu": {"quota": 30000}}
    runtime.ok("update", "--resources", "-", "scope", given=json.dumps(resources).encode())
    _systemctl("daemon-reload")
    yield "updated", groups.read(group)
    runtime.ok("pause", "scope")
    yield "paused", groups.events(group)["frozen"]
    runtime.ok("delete", "--force", "scope")
    yield "gone", groups.wait(lambda: not groups.there(group))
    yield (
        "forgotten",
        groups.wait(lambda: _systemctl("show", "--property", "LoadState", unit) == ["LoadState=not-found"]),
    )


def _ruled(config: dict[str, Any], path: str) -> None:
    config["linux"] |= {"cgroupsPath": path, "resources": RESOURCES}


def _systemctl(*words: str) -> list[str]:
    done = subprocess.run(["systemctl", *words], capture_output=True, text=True, timeout=60, check=True)
    return sorted(done.stdout.splitlines())
