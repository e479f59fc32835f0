"""Builds what the bench needs once, into .cache/bench of the checkout: the load generator and the peers."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
CACHE = HERE.parent.parent / ".cache" / "bench"

REFERENCE = "github.com/distribution/distribution/v3/cmd/registry"
ZOT = "zotregistry.dev/zot/v2/cmd/zot"


class CannotBuild(Exception):
    """A program that the bench wants cannot be had; the text says why."""


class Source(NamedTuple):
    """The project's source at a commit."""

    revision: str
    folder: Path


def source(revision: str) -> Source:
    """The source at a commit, beside the checkout. Raises CannotBuild for a revision that git does not know."""
    named = _git("rev-parse", "--short", f"{revision}^{{commit}}").decode().strip()
    target = CACHE / f"source-{named}"
    if not target.exists():
        target.mkdir(parents=True)
        subprocess.run(["tar", "-x", "-C", str(target)], input=_git("archive", named), check=True)
    return Source(named, target)


def _git(*arguments: str) -> bytes:
    done = subprocess.run(["git", *arguments], cwd=HERE.parent.parent, capture_output=True)
    if done.returncode != 0:
        raise CannotBuild(f"`git {' '.join(arguments)}` says: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


def load_generator() -> Path:
    """Compile the load generator (quick when nothing changed)."""
    CACHE.mkdir(parents=True, exist_ok=True)
    target = CACHE / "load"
    _go(["build", "-buildvcs=false", "-o", str(target), "."], HERE / "load")
    return target


def reference(given: str) -> Path:
    """The reference registry: the binary given, or the newest release of its Go module."""
    return Path(given) if given else _installed(REFERENCE, "registry")


def zot(given: str) -> Path:
    """The zot registry: the binary given, or the newest release where the Go module proxy serves it."""
    return Path(given) if given else _installed(ZOT, "zot")


def debian() -> Path:
    """Debian's docker-registry, which must be installed."""
    found = shutil.which("docker-registry")
    if found is None:
        raise CannotBuild("docker-registry is not installed: apt-get install docker-registry")
    return Path(found)


def go_version(binary: Path) -> str:
    """The module version that a Go binary was built from, or an empty text."""
    done = subprocess.run(["go", "version", "-m", str(binary)], capture_output=True, text=True)
    for line in done.stdout.splitlines():
        fields = line.split()
        if fields[:1] == ["mod"]:
            return fields[2]
    return ""


def _installed(package: str, name: str) -> Path:
    target = CACHE / name
    if not target.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        _go(["install", "-buildvcs=false", f"{package}@latest"], CACHE)
    return target


def _go(arguments: list[str], folder: Path) -> None:
    if shutil.which("go") is None:
        raise CannotBuild("go is not installed: the load generator and the peers are built with it")
    environment = {**os.environ, "GOBIN": str(CACHE)}
    done = subprocess.run(["go", *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=900)
    if done.returncode != 0:
        wrong = [line for line in done.stderr.splitlines() if line.startswith("go: ")] or done.stderr.splitlines()
        said = re.sub(r"https?://\S+", "the module proxy:", wrong[-1]) if wrong else "no message"
        raise CannotBuild(f"`go {' '.join(arguments)}` says: {said}")
