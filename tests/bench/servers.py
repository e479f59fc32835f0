"""Starting, freezing and stopping the registries that are measured: ours and the peers, each in its usual dress."""

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.bench import build, process

ROOT = Path(__file__).resolve().parent.parent.parent

# The settings that the reference registry's own image ships with, and deletion, which ours always has.
REFERENCE_SETTINGS = """\
version: 0.1
log:
  fields: {{service: registry}}
storage:
  cache: {{blobdescriptor: inmemory}}
  filesystem: {{rootdirectory: {root}/data}}
  delete: {{enabled: true}}
http:
  addr: {address}
  headers: {{X-Content-Type-Options: [nosniff]}}
health:
  storagedriver: {{enabled: true, interval: 10s, threshold: 3}}
"""


class DoesNotServe(Exception):
    """A registry ended or does not answer; the text has the end of its log."""


SETTLE = 1.0
"""Seconds after the first answer: a worker that is not up yet would get none of the connections of a whole round."""

Command = Callable[[Path, str], list[str]]


@dataclass(frozen=True, slots=True)
class Kind:
    """One registry program: how it is called in tables, its version, and the command that serves a folder."""

    name: str
    title: str
    version: str
    command: Command
    folder: Path = ROOT  # where the command is run


class Server:
    """One running registry, the leader of its own process group."""

    def __init__(self, kind: Kind, root: Path, port: int) -> None:
        """Start it on an empty root and wait until it answers."""
        self.kind, self.root, self.port = kind, root, port
        self.address = f"127.0.0.1:{port}"
        root.mkdir(parents=True)
        self.start()

    def start(self) -> None:
        """Start it on the root that it has and wait until it answers."""
        with (self.root / "log").open("ab") as log:
            self.process = subprocess.Popen(
                self.kind.command(self.root, self.address),
                cwd=self.kind.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._wait()

    def _wait(self) -> None:
        until = time.monotonic() + 30
        while time.monotonic() < until and self.process.poll() is None:
            connection = http.client.HTTPConnection(self.address, timeout=5)
            try:
                connection.request("GET", "/v2/")
                if connection.getresponse().status == 200:
                    time.sleep(SETTLE)
                    return
            except OSError:
                time.sleep(0.05)
            finally:
                connection.close()
        self.stop()
        tail = (self.root / "log").read_text(errors="replace")[-2000:]
        raise DoesNotServe(f"{self.kind.name} does not answer at {self.address}:\n{tail}")

    def freeze(self) -> None:
        """Stop it from running, so that its background work is not in another's measure."""
        os.killpg(self.process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it run again."""
        os.killpg(self.process.pid, signal.SIGCONT)

    def cpu_seconds(self) -> float:
        """CPU time used so far by all its processes."""
        return process.cpu_seconds(self.process.pid)

    def memory(self) -> process.Memory:
        """Memory of all its processes."""
        return process.memory(self.process.pid)

    def stop(self) -> None:
        """End it, by force when it does not end by itself."""
        if self.process.poll() is None:
            self.thaw()
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()

    def discard(self) -> None:
        """End it, remove its folder, and let the disk settle."""
        self.stop()
        shutil.rmtree(self.root)
        os.sync()


def ours(workers: int = 0) -> Kind:
    """This project, in its default configuration, or with so many workers."""
    revision = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    python = ".".join(str(part) for part in sys.version_info[:3])
    version = f"{revision.stdout.strip() or 'no revision'}, Python {python}"

    def command(root: Path, address: str) -> list[str]:
        serve = [sys.executable, "-m", "registry.cli", "serve", "--root", str(root / "data"), "--listen", address]
        return [*serve, "--workers", str(workers)] if workers else serve

    if workers:
        return Kind(f"ours-{workers}", f"entrepot, workers = {workers}", version, command)
    return Kind("ours", "entrepot", version, command)


def before(source: build.Source) -> Kind:
    """This project as it was at another commit, on the same Python and packages."""
    return Kind("before", "entrepot before", source.revision, ours().command, source.folder)


def reference(binary: Path) -> Kind:
    """The reference registry, from its Go module."""
    return Kind("reference", "distribution", build.go_version(binary), _distribution(binary))


def debian(binary: Path) -> Kind:
    """The reference registry as Debian packages it."""
    done = subprocess.run([str(binary), "--version"], capture_output=True, text=True)
    return Kind("debian", "Debian docker-registry", done.stdout.split()[-1], _distribution(binary))


def _distribution(binary: Path) -> Command:
    def command(root: Path, address: str) -> list[str]:
        settings = root / "config.yml"
        settings.write_text(REFERENCE_SETTINGS.format(root=root, address=address))
        return [str(binary), "serve", str(settings)]

    return command


def zot(binary: Path) -> Kind:
    """zot, with the fsync that it leaves out by default and docker's media types."""

    def command(root: Path, address: str) -> list[str]:
        host, _, port = address.partition(":")
        settings = root / "config.json"
        storage = {"rootDirectory": str(root / "data"), "commit": True}
        listen = {"address": host, "port": port, "compat": ["docker2s2"]}
        settings.write_text(json.dumps({"storage": storage, "http": listen, "log": {"level": "info"}}))
        return [str(binary), "serve", str(settings)]

    return Kind("zot", "zot", build.go_version(binary), command)
