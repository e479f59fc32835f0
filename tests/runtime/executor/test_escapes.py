"""The known ways out of a container, one test for each class of CVE: none of them leads anywhere."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from runtime.executor.stub import image, sealed
from tests.runtime.executor.bundles import BUSYBOX, Bundle, Change, Runtime


def mounting(*mounts: dict[str, Any]) -> Change:
    def change(config: dict[str, Any]) -> None:
        config["mounts"] += mounts

    return change


def bind(source: object, destination: str, *options: str) -> dict[str, Any]:
    return {"destination": destination, "type": "bind", "source": str(source), "options": ["bind", *options]}


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("way", ["program", "interpreter"])
def test_the_runtime_is_not_what_proc_self_exe_names(bundle: Bundle, ours: Runtime, way: str) -> None:
    """CVE-2019-5736: the container executes /proc/self/exe to get hold of the runtime's own file."""
    (bundle.rootfs / "trick").write_text("#!/proc/self/exe\n")
    (bundle.rootfs / "trick").chmod(0o755)
    bundle.write(args=["/proc/self/exe" if way == "program" else "/trick"])
    before = digest(Path(sys.executable))
    done = ours("run", "-b", bundle.directory, "box")
    # It is the stub, which finds itself asked to execute what it is not: no Python came to life in there.
    assert done.returncode == 1
    assert "Python" not in done.stdout + done.stderr
    assert "python" not in done.stdout + done.stderr
    assert digest(Path(sys.executable)) == before


def test_a_created_container_shows_the_sealed_stub_only(bundle: Bundle, ours: Runtime) -> None:
    """CVE-2019-5736: what /proc/PID/exe leads to cannot be written, by anybody."""
    bundle.write(args=["sleep", "100"])
    ours.background("create", "-b", bundle.directory, "box")
    pid = json.loads(ours.ok("state", "box"))["pid"]
    assert os.readlink(f"/proc/{pid}/exe").startswith("/memfd:entrepot-oci")
    for flags in (os.O_WRONLY, os.O_RDWR):
        with pytest.raises(OSError, match=r"busy|permitted"):
            os.open(f"/proc/{pid}/exe", flags)
    stub = sealed(image())
    with pytest.raises(PermissionError):
        os.write(os.open(f"/proc/self/fd/{stub}", os.O_RDWR), b"x")
    with pytest.raises(PermissionError):
        os.truncate(f"/proc/self/fd/{stub}", 0)
    os.close(stub)


def test_no_descriptor_of_the_host_is_left(bundle: Bundle, ours: Runtime) -> None:
    """CVE-2024-21626 and CVE-2016-9962: neither the caller's descriptors nor the runtime's reach the program."""
    bundle.write(args=["sh", "-c", "ls -l /proc/$$/fd"])
    leaked = os.open("/", os.O_RDONLY)
    command = [*ours.command, "run", "-b", str(bundle.directory), "box"]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, pass_fds=[leaked])
    os.close(leaked)
    names = sorted(line.split()[-3] for line in done.stdout.splitlines() if "->" in line)
    assert names == ["0", "1", "2"]


@pytest.mark.parametrize("descriptor", range(3, 12))
def test_a_working_directory_that_is_a_descriptor_is_refused(bundle: Bundle, ours: Runtime, descriptor: int) -> None:
    """CVE-2024-21626: cwd /proc/self/fd/N stands in the host's filesystem if a descriptor of it is open."""
    bundle.write(args=["ls", "."], cwd=f"/proc/self/fd/{descriptor}")
    done = ours("run", "-b", bundle.directory, "box")
    assert done.returncode != 0 or "busybox" not in done.stdout
    assert "boot" not in done.stdout.split()


@pytest.mark.parametrize("link", ["/", "/etc", "../../../../../../etc"])
def test_a_mount_through_a_link_stays_inside(bundle: Bundle, ours: Runtime, tmp_path: Path, link: str) -> None:
    """CVE-2021-30465, CVE-2023-27561 and kin: the destination is a link that leads out of the root."""
    (tmp_path / "mark").mkdir()
    (tmp_path / "mark/file").touch()
    (bundle.rootfs / "out").symlink_to(link)
    bundle.write(mounting(bind(tmp_path / "mark", "/out/mounted")), args=["ls", "/out/mounted"])
    assert ours.ok("run", "-b", bundle.directory, "box") == "file\n"
    assert not Path("/mounted").exists()
    assert not Path("/etc/mounted").exists()


@pytest.mark.parametrize("place", ["proc", "sys"])
def test_proc_and_sys_must_stand_where_they_are_said_to(bundle: Bundle, ours: Runtime, place: str) -> None:
    """CVE-2019-19921 and CVE-2023-28642: /proc or /sys of the image is a link."""
    (bundle.rootfs / "elsewhere").mkdir()
    (bundle.rootfs / place).symlink_to("elsewhere")
    bundle.write()
    done = ours("run", "-b", bundle.directory, "box")
    assert done.returncode == 1
    assert f"open '/{place}': too many levels of symbolic links" in done.stderr


def test_nothing_is_mounted_over_what_proc_tells(bundle: Bundle, ours: Runtime) -> None:
    """CVE-2019-16884: a mount over /proc/self/attr or /proc/sys would deceive the runtime; /proc/uptime is harmless."""
    bundle.write(mounting(bind("/etc", "/proc/sys")))
    assert "inside of procfs" in ours("run", "-b", bundle.directory, "box").stderr
    bundle.write(mounting(bind("/etc/hostname", "/proc/uptime")), args=["cat", "/proc/uptime"])
    assert ours.ok("run", "-b", bundle.directory, "box") == Path("/etc/hostname").read_text()


def test_a_false_null_device_masks_nothing(bundle: Bundle, ours: Runtime) -> None:
    """CVE-2025-31133: /dev/null is a link to what the container wants mounted over a masked path."""

    def change(config: dict[str, Any]) -> None:
        config["mounts"] = [each for each in config["mounts"] if not each["destination"].startswith("/dev")]
        config["mounts"].append(bind(bundle.rootfs / "fake-dev", "/dev", "rw"))

    (bundle.rootfs / "fake-dev").mkdir()
    (bundle.rootfs / "fake-dev/null").symlink_to("/proc/sysrq-trigger")
    bundle.write(change)
    done = ours("run", "-b", bundle.directory, "box")
    assert done.returncode == 1
    assert "/dev/null" in done.stderr


def test_a_false_console_is_not_mounted_on(bundle: Bundle, ours: Runtime) -> None:
    """CVE-2025-52565: /dev/console is a link to a file of procfs."""

    def change(config: dict[str, Any]) -> None:
        config["mounts"] = [each for each in config["mounts"] if each["destination"] != "/dev"]
        config["process"]["terminal"] = True

    (bundle.rootfs / "dev/pts").mkdir(parents=True)
    (bundle.rootfs / "dev/console").symlink_to("/proc/sysrq-trigger")
    bundle.write(change)
    done = ours("run", "-b", bundle.directory, "box")
    assert done.returncode == 1
    assert "console" in done.stderr


def test_a_false_device_node_is_refused(bundle: Bundle, ours: Runtime) -> None:
    """CVE-2025-31133: the image brings its own /dev/null, which is another device."""

    def change(config: dict[str, Any]) -> None:
        config["mounts"] = [each for each in config["mounts"] if not each["destination"].startswith("/dev")]

    (bundle.rootfs / "dev").mkdir()
    os.mknod(bundle.rootfs / "dev/null", 0o20666, os.makedev(1, 5))
    bundle.write(change)
    assert "something else is already there" in ours("run", "-b", bundle.directory, "box").stderr


def test_sysctls_do_not_go_where_the_image_says(bundle: Bundle, ours: Runtime) -> None:
    """CVE-2025-52881: /proc/sys of the container is not what settings are written through."""

    def change(config: dict[str, Any]) -> None:
        config["linux"]["sysctl"] = {"net.ipv4.ip_forward": "1"}
        config["mounts"] = [each for each in config["mounts"] if each["destination"] != "/proc"]

    fake = bundle.rootfs / "proc/sys/net/ipv4"
    fake.mkdir(parents=True)
    (fake / "ip_forward").write_text("untouched")
    bundle.write(change)
    ours.ok("run", "-b", bundle.directory, "box")
    assert (fake / "ip_forward").read_text() == "untouched"


@pytest.mark.parametrize("name", ["kernel.core_pattern", "vm.swappiness", "net/../kernel/core_pattern"])
def test_settings_of_the_host_are_refused(bundle: Bundle, ours: Runtime, name: str) -> None:
    def change(config: dict[str, Any]) -> None:
        config["linux"]["sysctl"] = {name: "1"}

    bundle.write(change)
    done = ours("run", "-b", bundle.directory, "box")
    assert done.returncode == 1
    assert "sysctl" in done.stderr


def test_nothing_is_inheritable_unless_asked(bundle: Bundle, ours: Runtime) -> None:
    """CVE-2022-27649, CVE-2022-24769: files of the image with inheritable bits must not give anything."""
    bundle.write(args=["sleep", "100"])
    ours.background("run", "-d", "-b", bundle.directory, "box")
    for words in ((), ("--cap", "CAP_KILL", "--user", "5")):
        assert "CapInh:\t0000000000000000" in ours.ok("exec", *words, "box", "cat", "/proc/self/status")


def test_a_passwd_that_never_ends_is_not_read_to_its_end(bundle: Bundle, ours: Runtime) -> None:
    """CVE-2026-53489: files of the image are read as far as they may be useful; pipes and devices not at all."""
    (bundle.rootfs / "etc/passwd").unlink()
    (bundle.rootfs / "etc/passwd").symlink_to("/dev/zero")
    bundle.write(args=["sh", "-c", "echo $HOME"])
    assert ours.ok("run", "-b", bundle.directory, "box") == "/\n"
    (bundle.rootfs / "etc/passwd").unlink()
    os.mkfifo(bundle.rootfs / "etc/passwd")
    assert ours.ok("run", "-b", bundle.directory, "box") == "/\n"


def test_no_file_of_the_image_is_opened_by_the_runtime_but_those_it_needs(bundle: Bundle, ours: Runtime) -> None:
    """CVE-2019-14271: nothing is imported, loaded or looked up after the container is entered."""
    bundle.write(args=["true"], user={"uid": 1000, "gid": 1000})
    log = bundle.directory / "trace"
    command = ["strace", "-f", "-e", "trace=open,openat,execve,execveat,pivot_root", "-o", str(log)]
    subprocess.run([*command, *ours.command, "run", "-b", str(bundle.directory), "box"], check=True, timeout=60)
    lines = log.read_text().splitlines()
    (pivoted,) = [place for place, line in enumerate(lines) if "pivot_root" in line and "= 0" in line]
    pid = lines[pivoted].split()[0]
    inside = [line.split(" ", 1)[1].strip() for line in lines[pivoted + 1 :] if line.split()[0] == pid]
    opened = {line.split('"')[1] for line in inside if line.startswith("open")}
    assert opened <= {"/", "/dev/null", "/etc/passwd", "self/setgroups"}
    assert [line.split("(")[0] for line in inside if line.startswith("exec")] == ["execveat", "execve"]


def test_the_busybox_of_the_host_is_untouched(bundle: Bundle, ours: Runtime) -> None:
    """A read-only bind is read-only all the way down."""
    bundle.write(mounting(bind("/bin", "/host-bin", "rbind", "rro")), args=["sh", "-c", "echo x > /host-bin/busybox"])
    before = digest(BUSYBOX)
    assert "Read-only file system" in ours("run", "-b", bundle.directory, "box").stderr
    assert digest(BUSYBOX) == before
