"""Processors and disks are shared out as the specification says: for the first process and for those that join."""

import json
import os
import subprocess
from typing import Any

import pytest

from tests.runtime.executor.bundles import Bundle, Runtime

ASKED = {
    "scheduler": {"policy": "SCHED_BATCH", "nice": 7, "flags": ["SCHED_FLAG_RESET_ON_FORK"]},
    "ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": 6},
}


def test_a_process_is_scheduled_as_asked(ours: Runtime, bundle: Bundle) -> None:
    bundle.write(args=["sleep", "1000"], **ASKED)
    ours.background("run", "-d", "-b", bundle.directory, "box")
    pid = json.loads(ours.ok("state", "box"))["pid"]
    assert os.sched_getscheduler(pid) == os.SCHED_BATCH | os.SCHED_RESET_ON_FORK
    assert os.getpriority(os.PRIO_PROCESS, pid) == 7
    assert subprocess.check_output(["ionice", "-p", str(pid)], text=True) == "best-effort: prio 6\n"
    assert ours.ok("exec", "box", "sh", "-c", "cut -d' ' -f19 < /proc/$$/stat") == "7\n"


def test_what_the_kernel_refuses_is_said(ours: Runtime, bundle: Bundle) -> None:
    bundle.write(args=["true"], scheduler={"policy": "SCHED_FIFO", "priority": 1000})
    assert "sched_setattr: invalid argument" in ours("run", "-b", bundle.directory, "box").stderr


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"scheduler": {"policy": "SCHED_FAIR"}}, "invalid scheduler policy"),
        ({"scheduler": {"policy": "SCHED_OTHER", "nice": 20}}, "invalid scheduler.nice"),
        ({"scheduler": {"policy": "SCHED_OTHER", "priority": 1}}, "priority can only"),
        ({"scheduler": {"policy": "SCHED_OTHER", "period": 1}}, "only be specified for SCHED_DEADLINE"),
        ({"scheduler": {"policy": "SCHED_OTHER", "flags": ["X"]}}, "invalid scheduler flag"),
        ({"ioPriority": {"class": "IOPRIO_CLASS_NONE"}}, "invalid ioPriority.class"),
        ({"ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": 8}}, "invalid ioPriority.priority"),
        ({"execCPUAffinity": {"initial": "0"}}, "execCPUAffinity is not supported"),
    ],
)
def test_what_cannot_be_is_refused(ours: Runtime, bundle: Bundle, asked: dict[str, Any], why: str) -> None:
    bundle.write(args=["true"], **asked)
    done = ours("create", "-b", bundle.directory, "box")
    assert done.returncode == 1
    assert why in done.stderr
