"""What runs inside the test's machine: each part looks at one thing and says what it saw, in lines of JSON."""

import json
import os
import time
import traceback
from collections.abc import Iterator
from multiprocessing import Process
from pathlib import Path

from tests.e2e.vm.guest import containers, engine, groups, inside, nested, scopes
from tests.runtime.executor.bundles import OURS, RUNC, Bundle, Runtime


def _say(name: str, value: object) -> None:
    line = json.dumps({"name": name, "value": value, "seconds": round(time.monotonic(), 1)})
    print(line, flush=True)


def _look(part: str, looks: Iterator[tuple[str, object]]) -> None:
    try:
        for name, value in looks:
            _say(f"{part}.{name}", value)
    except BaseException:
        _say(f"wrong.{part}", traceback.format_exc())


def _host() -> Iterator[tuple[str, object]]:
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    yield "kernel", os.uname().release
    yield "mounted", sorted({kind for _, _, kind, *_ in mounts if "cgroup" in kind})
    yield "controllers", (groups.ROOT / "cgroup.controllers").read_text().split()
    yield "own", groups.of(os.getpid())


def _runtime(name: str, command: list[str]) -> None:
    runtime = Runtime(command, Path(f"/run/{name}"))
    bundle = Bundle(Path(f"/run/{name}-bundle"), f"/walled/{name}")
    _look(f"{name}.containers", containers.looks(runtime, bundle))
    _look(f"{name}.inside", inside.looks(runtime, bundle))
    _look(f"{name}.nested", nested.looks(runtime, bundle))
    _look(f"{name}.scopes", scopes.looks(Runtime([*command, "--systemd-cgroup"], Path(f"/run/{name}")), bundle))


def main() -> None:
    """Look at everything, and at three things at once: most of it is waiting for a processor that may be emulated."""
    _look("host", _host())
    parts = [Process(target=_runtime, args=("ours", OURS)), Process(target=_runtime, args=("runc", RUNC))]
    parts.append(Process(target=_engine))
    for part in parts:
        part.start()
    for part in parts:
        part.join()


def _engine() -> None:
    _look("engine", engine.looks())


if __name__ == "__main__":
    main()
