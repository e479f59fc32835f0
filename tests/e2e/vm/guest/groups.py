"""Control groups as their files tell, read without the project's help."""

import time
from collections.abc import Callable, Iterable
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
LIMITS = (
    "cpu.max",
    "cpu.max.burst",
    "cpu.weight",
    "cpuset.cpus",
    "cpuset.mems",
    "hugetlb.2MB.max",
    "io.max",
    "io.weight",
    "memory.high",
    "memory.low",
    "memory.max",
    "memory.swap.max",
    "pids.max",
)


def read(group: str, names: Iterable[str] = LIMITS) -> dict[str, str]:
    """The files of a group by name; those that are not there are told so."""
    folder = ROOT / group.lstrip("/")
    return {name: (folder / name).read_text().strip() if (folder / name).exists() else "none" for name in names}


def events(group: str, name: str = "cgroup.events") -> dict[str, int]:
    """A file of names and numbers."""
    lines = (ROOT / group.lstrip("/") / name).read_text().splitlines()
    return {line.split()[0]: int(line.split()[1]) for line in lines}


def there(group: str) -> bool:
    """Whether the group exists."""
    return (ROOT / group.lstrip("/")).is_dir()


def of(pid: int) -> str:
    """The group of a process."""
    return Path(f"/proc/{pid}/cgroup").read_text().strip().removeprefix("0::")


def wait(true: Callable[[], bool], seconds: float = 20) -> bool:
    """Wait until something holds; whether it does in the end."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True
