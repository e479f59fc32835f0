"""A user of this machine who is not root, with a home and the files of ids that this user alone sees at /etc."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

PATIENCE = 60.0
PROJECT = Path(__file__).resolve().parents[2]


class Stranger:
    """`entrepot` as that user has it. `ids` are lines for /etc/subuid and /etc/subgid."""

    def __init__(self, folder: Path, name: str, number: int, ids: str) -> None:
        self.name, self.number, self.folder = name, number, folder
        self.errors = ""
        folder.chmod(0o755)
        self.home, self.run = folder / "home", folder / "run"
        for each in (self.home, self.run):
            each.mkdir()
            os.chown(each, number, number)
        passwd = Path("/etc/passwd").read_text() + f"{name}:x:{number}:{number}::{self.home}:/bin/sh\n"
        for file, text in (("passwd", passwd), ("subuid", ids), ("subgid", ids)):
            (folder / file).write_text(text)
            (folder / file).chmod(0o644)
        tun = folder / "tun"  # which systems with udev have so, for everybody
        os.mknod(tun, 0o20666, os.makedev(10, 200))
        tun.chmod(0o666)
        self.groups: tuple[Path, ...] = ()
        """Control groups to run in."""
        self._script = self._mounts()

    @property
    def data(self) -> Path:
        """Where everything is kept unless something else is said."""
        return self.home / ".local/share/entrepot"

    def words(self, *args: str, programs: str = "") -> list[str]:
        """The command line of `entrepot`; `programs` is a PATH."""
        return self.command(sys.executable, "-m", "runtime.cli", *args, programs=programs)

    def command(self, *words: str, programs: str = "") -> list[str]:
        """A command line that is the user's."""
        variables = {
            "PATH": programs or os.environ["PATH"],
            "HOME": str(self.home),
            "XDG_RUNTIME_DIR": str(self.run),
            "PYTHONPATH": str(PROJECT),
        }
        who = ["setpriv", f"--reuid={self.number}", f"--regid={self.number}", "--clear-groups", "--"]
        given = ["env", "-i", *(f"{key}={value}" for key, value in variables.items())]
        joining = "".join(f"echo 0 > {group}/cgroup.procs\n" for group in self.groups)
        return ["unshare", "--mount", "sh", "-ec", joining + self._script, *who, *given, *words]

    def __call__(self, *args: str, code: int = 0, programs: str = "") -> str:
        """Run it; its standard output. It has this exit code."""
        words = self.words(*args, programs=programs)
        done = subprocess.run(words, input="", capture_output=True, text=True, timeout=PATIENCE, cwd="/")
        assert done.returncode == code, f"{args}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        self.errors = done.stderr
        return done.stdout

    def leave(self) -> None:
        """End the process that keeps the user's namespaces, and with it all that is mounted in them."""
        path = self.run / "entrepot/users"
        if path.exists():
            os.kill(int(path.read_text().split()[0]), signal.SIGKILL)
            path.unlink()

    def _mounts(self) -> str:
        """A script that shows the user these files, and what of Python lies where root alone may go."""
        lines = [f"mount --bind {self.folder}/{name} /etc/{name}" for name in ("passwd", "subuid", "subgid")]
        lines.append(f"mount --bind {self.folder}/tun /dev/net/tun")
        hidden = {path: closed for path in _needed() if (closed := _closed(path))}
        for place, path in enumerate(hidden):
            (self.folder / f"kept{place}").mkdir()
            lines.append(f"mount --rbind {shlex.quote(path)} {self.folder}/kept{place}")
        lines += [
            f"mount -t tmpfs -o mode=755 tmpfs {shlex.quote(closed)}" for closed in dict.fromkeys(hidden.values())
        ]
        for place, path in enumerate(hidden):
            lines += [f"mkdir -p {shlex.quote(path)}", f"mount --move {self.folder}/kept{place} {shlex.quote(path)}"]
        return "\n".join([*lines, 'exec "$0" "$@"'])


def _needed() -> list[str]:
    """Folders of Python and of this project, those within others left out."""
    paths = sorted({os.path.realpath(path) for path in (sys.base_prefix, sys.prefix, PROJECT)})
    return [path for path in paths if not any(path.startswith(f"{other}/") for other in paths)]


def _closed(path: str) -> str:
    """The first folder on the way to a path that others may not enter; empty if there is none."""
    found = ""
    for part in path.split("/")[1:]:
        found += f"/{part}"
        if not os.stat(found).st_mode & 0o001:
            return found
    return ""
