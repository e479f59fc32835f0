"""A process that joins a container: where it is born, and that it is closed before anybody there could see it."""

import os
import subprocess
import sys

from tests.runtime.executor.bundles import MAIN

BORN = f"""
import os, sys
sys.path.insert(0, {str(MAIN.parents[2])!r})
from runtime.executor.namespaces import fork_beside
from runtime.syscall.processes import PR_GET_DUMPABLE, pidfd_open, prctl

proc = os.open("/proc", os.O_PATH | os.O_DIRECTORY)
inits = [int(pid) for pid in sys.argv[1:]]
for init in inits:
    child = fork_beside(pidfd_open(init), proc, "")
    if not child:
        closed = prctl(PR_GET_DUMPABLE)
        os.stat("self/exe", dir_fd=proc)
        os.write(1, f"{{closed}} {{os.getpid()}} {{os.readlink('self/ns/pid', dir_fd=proc)}}\\n".encode())
        os._exit(0)
    os.waitpid(child, 0)
after = os.fork()
if not after:
    os.write(1, f"{{prctl(PR_GET_DUMPABLE)}} {{os.readlink('self/ns/pid', dir_fd=proc)}}\\n".encode())
    os._exit(0)
os.waitpid(after, 0)
"""


def test_it_is_born_closed_in_the_pid_namespace_and_leaves_its_parent_as_it_was() -> None:
    with subprocess.Popen(["unshare", "-pf", "sh", "-c", "echo; read x"], stdin=-1, stdout=-1) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        other.stdout.readline()
        with open(f"/proc/{other.pid}/task/{other.pid}/children") as file:
            (init,) = file.read().split()
        there = os.readlink(f"/proc/{init}/ns/pid")
        done = subprocess.run([sys.executable, "-c", BORN, init], capture_output=True, text=True, timeout=20)
        other.stdin.close()
    child, after = done.stdout.splitlines()
    closed, pid, namespace = child.split()
    assert (closed, namespace) == ("0", there), done.stderr
    assert 1 < int(pid) < 10
    assert after.split() == ["1", os.readlink("/proc/self/ns/pid")]
