"""create, start, state, kill, delete and the verbs between, as shims and monitors call them."""

import json
import os
import pty
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.runtime.executor.bundles import Bundle, Runtime

FOREVER = ["sleep", "1000"]
PR_SET_CHILD_SUBREAPER = 36


def wait_for(status: str, runtime: Runtime) -> None:
    """Wait until a container has a status."""
    end = time.monotonic() + 5
    while runtime.status("box") != status:
        assert time.monotonic() < end
        time.sleep(0.02)


def test_from_create_to_delete(bundle: Bundle, ours: Runtime, tmp_path: Path) -> None:
    bundle.write(args=["sh", "-c", "echo started > /started; exec sleep 1000"])
    pid_file = tmp_path / "pid"
    ours.background("create", "--bundle", bundle.directory, f"--pid-file={pid_file}", "box")
    pid = int(pid_file.read_text())
    state = json.loads(ours.ok("state", "box"))
    assert (state["status"], state["pid"], state["id"]) == ("created", pid, "box")
    assert (state["bundle"], state["rootfs"]) == (str(bundle.directory), str(bundle.rootfs))
    assert f"{bundle.group}\n" in Path(f"/proc/{pid}/cgroup").read_text()
    assert not (bundle.rootfs / "started").exists()
    assert "exists" in ours("create", "-b", bundle.directory, "box").stderr
    ours.ok("start", "box")
    assert ours.status("box") == "running"
    assert "cannot start" in ours("start", "box").stderr
    assert "not stopped" in ours("delete", "box").stderr
    ours.ok("kill", "box", "SIGKILL")
    wait_for("stopped", ours)
    assert "container not running" in ours("kill", "box", "9").stderr
    ours.ok("delete", "box")
    assert (bundle.rootfs / "started").exists()
    assert not Path(f"/sys/fs/cgroup/pids{bundle.group}").exists()
    assert list(ours.root.iterdir()) == []
    assert ours("delete", "--force", "box").returncode == 0


def test_a_created_container_is_a_child_of_the_caller_and_small(bundle: Bundle, ours: Runtime) -> None:
    bundle.write(args=FOREVER)
    program = (
        "import ctypes, os, subprocess, sys\n"
        f"ctypes.CDLL(None).prctl({PR_SET_CHILD_SUBREAPER}, 1, 0, 0, 0)\n"
        "subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)\n"
        "pid = int(open('pid').read())\n"
        "status = open(f'/proc/{pid}/status').read()\n"
        "assert f'PPid:\\t{os.getpid()}\\n' in status, status\n"
        "print(status.split('VmRSS:')[1].split()[0])\n"
        "os.kill(pid, 9)\n"
        "print(os.waitpid(pid, 0)[1])\n"
    )
    create = [*ours.command, "create", "--pid-file", "pid", "box"]
    command = ["python3", "-c", program, *create]
    done = subprocess.run(command, cwd=bundle.directory, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    kilobytes, status = done.stdout.split()
    assert (int(kilobytes) < 200, int(status)) == (True, 9)
    assert ours.status("box") == "stopped"


def test_delete_ends_what_was_only_created(bundle: Bundle, ours: Runtime) -> None:
    bundle.write(args=FOREVER)
    ours.background("create", "-b", bundle.directory, "box")
    ours.ok("delete", "box")
    assert "does not exist" in ours("state", "box").stderr


def test_pause_ps_update_events_and_list(bundle: Bundle, ours: Runtime) -> None:
    bundle.write(args=FOREVER)
    ours.background("run", "-d", "-b", bundle.directory, "box")
    pid = json.loads(ours.ok("state", "box"))["pid"]
    assert json.loads(ours.ok("ps", "--format", "json", "box")) == [pid]
    assert f" {pid} " in ours.ok("ps", "box")
    ours.ok("pause", "box")
    assert ours.status("box") == "paused"
    assert "paused" in ours("exec", "box", "true").stderr
    ours.ok("resume", "box")
    assert ours.status("box") == "running"
    assert "not paused" in ours("resume", "box").stderr
    ours.ok("update", "--resources=-", "box", given=b'{"memory": {"limit": 33554432}, "pids": {"limit": 20}}')
    assert json.loads(ours.ok("events", "--stats", "box"))["data"]["memory"]["usage"]["limit"] == 33554432
    ours.ok("update", "box", "--memory", "64m", "--cpu-share=512")
    statistics = json.loads(ours.ok("events", "box", "--stats"))["data"]
    assert (statistics["memory"]["usage"]["limit"], statistics["pids"]["limit"]) == (67108864, 20)
    assert Path(f"/sys/fs/cgroup/cpu{bundle.group}/cpu.shares").read_text() == "512\n"
    assert [each["id"] for each in json.loads(ours.ok("list", "--format", "json"))] == ["box"]
    assert ours.ok("list", "-q") == "box\n"
    ours.ok("pause", "box")
    ours.ok("kill", "box", "KILL")
    wait_for("stopped", ours)


def test_exec_in_its_forms(bundle: Bundle, ours: Runtime, tmp_path: Path) -> None:
    bundle.write(args=FOREVER)
    ours.background("run", "-d", "-b", bundle.directory, "box")
    assert ours("exec", "box", "sh", "-c", "exit 9").returncode == 9
    assert ours("exec", "box", "sh", "-c", "kill -9 $$").returncode == 137
    assert ours.ok(
        "exec", "-u", "7:8", "--env", "A=b", "--cwd=/etc", "box", "sh", "-c", "id -u; id -g; echo $A; pwd"
    ) == ("7\n8\nb\n/etc\n")
    inside = ours.ok("exec", "box", "sh", "-c", "readlink /proc/self/ns/pid /proc/self/ns/mnt; cat /proc/self/cgroup")
    first = ours.ok("exec", "box", "sh", "-c", "readlink /proc/1/ns/pid /proc/1/ns/mnt; cat /proc/1/cgroup")
    assert inside == first
    assert "NoNewPrivs:\t1" in ours.ok("exec", "box", "cat", "/proc/self/status")
    process = {"args": ["sh", "-c", "echo $X > /written; exec sleep 50"], "cwd": "/", "env": ["PATH=/bin", "X=y"]}
    (tmp_path / "process").write_text(json.dumps(process))
    ours.background("exec", "--process", tmp_path / "process", "--detach", "--pid-file", tmp_path / "pid", "box")
    pid = int((tmp_path / "pid").read_text())
    assert pid in json.loads(ours.ok("ps", "-f=json", "box"))
    failed = ours("exec", "box", "nothing")
    assert (failed.returncode, "executable file not found in $PATH" in failed.stderr) == (1, True)
    for bad in ("root", "-1", "4294967295", "0x1", "1:user"):
        assert "is no id" in ours("exec", "--user", bad, "box", "true").stderr


def test_a_terminal_is_sent_as_one_message(bundle: Bundle, ours: Runtime, tmp_path: Path) -> None:
    bundle.write(args=["sh", "-c", "tty; stat -c %t:%T /dev/console; exec sleep 1000"], terminal=True)
    assert "console socket" in ours("create", "-b", bundle.directory, "box").stderr
    path = tmp_path / "console"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        ours.background("create", "-b", bundle.directory, "--console-socket", path, "box")
        connection, _ = listener.accept()
        with connection:
            name, descriptors, _, _ = socket.recv_fds(connection, 4096, 8)
            assert connection.recv(1) == b""
    assert (name, len(descriptors)) == (b"/dev/pts/0", 1)
    ours.ok("start", "box")
    said = b""
    while said.count(b"\n") < 2:
        said += os.read(descriptors[0], 4096)
    assert said == b"/dev/pts/0\r\n88:0\r\n"
    os.close(descriptors[0])


def test_a_terminal_in_the_foreground_is_carried(bundle: Bundle, ours: Runtime) -> None:
    bundle.write(args=["sh", "-c", "tty; read x; echo got $x; exit 6"], terminal=True)
    master, slave = pty.openpty()
    command = [*ours.command, "run", "-b", str(bundle.directory), "box"]
    with subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave) as running:
        os.close(slave)
        said = b""
        while b"/dev/pts/0\r\n" not in said:
            said += os.read(master, 4096)
        os.write(master, b"word\r")
        while b"got word\r\n" not in said:
            said += os.read(master, 4096)
        assert running.wait(timeout=10) == 6
    os.close(master)


def test_descriptors_are_passed_on_only_if_asked(bundle: Bundle, ours: Runtime) -> None:
    bundle.write(args=["sh", "-c", "ls /proc/$$/fd > /seen; cat <&3 > /given"])
    read, write = os.pipe()
    os.write(write, b"hello")
    os.close(write)
    for low in (3, 4):
        os.dup2(read, low + 100)
    program = (
        "import os, sys; os.dup2(103, 3); os.dup2(104, 9); os.closerange(10, 200); os.execv(sys.argv[1], sys.argv[1:])"
    )
    command = ["python3", "-c", program, *ours.command, "run", "--preserve-fds=1", "-b", str(bundle.directory), "box"]
    subprocess.run(command, check=True, pass_fds=(103, 104), timeout=30)
    assert (bundle.rootfs / "given").read_text() == "hello"
    assert "9" not in (bundle.rootfs / "seen").read_text().split()
    for descriptor in (read, 103, 104):
        os.close(descriptor)


def test_hooks_run_at_their_moments_with_the_state(bundle: Bundle, ours: Runtime, tmp_path: Path) -> None:
    names = ("prestart", "createRuntime", "createContainer", "poststart", "poststop")
    log = tmp_path / "log"

    def hooks(config: dict[str, Any]) -> None:
        script = f"{{ echo $0 $A; cat; echo; }} >> {log}"
        config["hooks"] = {
            name: [{"path": "/bin/busybox", "args": ["sh", "-c", script, name], "env": [f"A={name.upper()}"]}]
            for name in names
        }
        inside = {"path": "/bin/sh", "args": ["sh", "-c", "cat > /hooked"]}
        config["hooks"]["startContainer"] = [inside]
        config["annotations"] = {"key": "value"}

    bundle.write(hooks, args=["cat", "/hooked"])
    printed = ours.ok("run", "-b", bundle.directory, "box")
    assert json.loads(printed)["status"] == "created"
    lines = log.read_text().splitlines()
    assert [line.split()[0] for line in lines[::2]] == list(names)
    assert [line.split()[1] for line in lines[::2]] == [name.upper() for name in names]
    states = [json.loads(line) for line in lines[1::2]]
    assert [state["status"] for state in states] == ["creating", "creating", "creating", "running", "stopped"]
    assert all(state["id"] == "box" and state["annotations"] == {"key": "value"} for state in states)
    assert states[0]["pid"] > 1
    assert states[2]["pid"] == 1


@pytest.mark.parametrize(
    "hook", [{"args": ["sh", "-c", "echo why >&2; exit 4"]}, {"args": ["sleep", "9"], "timeout": 1}]
)
def test_a_hook_that_fails_ends_the_creation(bundle: Bundle, ours: Runtime, hook: dict[str, Any]) -> None:
    def hooks(config: dict[str, Any]) -> None:
        config["hooks"] = {"createRuntime": [{"path": "/bin/busybox", **hook}]}

    bundle.write(hooks)
    failed = ours("create", "-b", bundle.directory, "box")
    assert failed.returncode == 1
    assert "error running createRuntime hook #0" in failed.stderr
    assert ("why" if "timeout" not in hook else "ran past specified timeout of 1.0s") in failed.stderr
    assert list(ours.root.iterdir()) == []
    assert not Path(f"/sys/fs/cgroup/pids{bundle.group}").exists()


def test_failures_are_logged_as_callers_read_them(bundle: Bundle, ours: Runtime, tmp_path: Path) -> None:
    bundle.write(args=["nothing"])
    log = tmp_path / "log.json"
    command = [*ours.command[:-2], "--log", log, "--log-format", "json", "--root", ours.root, "--systemd-cgroup=false"]
    runtime = Runtime([str(each) for each in command], ours.root)
    failed = runtime("create", "box", "--bundle", bundle.directory)
    line = json.loads(log.read_text().splitlines()[-1])
    assert line["level"] == "error"
    assert "executable file not found" in line["msg"]
    assert line["msg"] in failed.stderr
    assert line["time"][10] == "T"


def test_signals_are_passed_on_in_the_foreground(bundle: Bundle, ours: Runtime) -> None:
    bundle.write(args=["sh", "-c", "trap 'exit 33' TERM; echo ready; while true; do sleep 0.05; done"])
    command = [*ours.command, "run", "-b", str(bundle.directory), "box"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == b"ready\n"
        running.send_signal(signal.SIGTERM)
        assert running.wait(timeout=10) == 33


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("create",), "requires exactly 1 argument"),
        (("create", "--nothing", "x"), "flag provided but not defined: --nothing"),
        (("create", "../x"), "invalid id format"),
        (("kill", "x", "NOSUCH"), "unknown signal"),
        (("frobnicate",), "frobnicate"),
        (("run", "--pid-file"), "flag needs an argument"),
    ],
)
def test_a_wrong_command_line_is_told(ours: Runtime, bundle: Bundle, words: tuple[str, ...], said: str) -> None:
    bundle.write()
    failed = ours(*words, cwd=bundle.directory)
    assert (failed.returncode, said in failed.stderr) == (1, True), failed.stderr
    assert "Traceback" not in failed.stderr


def test_what_it_says_of_itself(ours: Runtime) -> None:
    assert ours.ok("--version").splitlines()[0] == "entrepot-oci version 0.1.0"
    features = json.loads(ours.ok("features"))
    assert features["ociVersionMin"] == "1.0.0"
    assert "rro" in features["mountOptions"]
    assert "time" in features["linux"]["namespaces"]
    assert "delete" in ours.ok("--help")


def test_the_example_runs(ours: Runtime, bundle: Bundle) -> None:
    ours.ok("spec", "-b", bundle.directory)
    path = bundle.directory / "config.json"
    config = json.loads(path.read_text())
    config["process"] |= {"terminal": False, "args": ["id", "-u"]}
    config["linux"]["cgroupsPath"] = bundle.group
    path.write_text(json.dumps(config))
    assert ours.ok("run", "-b", bundle.directory, "box") == "0\n"
    assert "exists" in ours("spec", "-b", bundle.directory).stderr
