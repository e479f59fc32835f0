"""The official conformance suite: its pinned version, how it is built, how one run of it is made.

Every switch of the suite is on, also those that its stable version leaves off, so that nothing can be skipped
for want of asking.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

MODULE = "github.com/opencontainers/distribution-spec/conformance"
VERSION = "v0.0.0-20260831232431-97274622c111"
SPEC_VERSIONS = ("1.1", "dev")
BINARIES = Path.home() / ".cache" / "entrepot-tests" / "bin"
BUILD_SECONDS = 600
RUN_SECONDS = 600

SWITCHES = (
    *(f"OCI_API_{name}" for name in ("PING", "PULL", "PUSH", "REFERRER")),
    *(f"OCI_API_BLOBS_{name}" for name in ("ATOMIC", "DELETE", "DIGEST_HEADER", "MOUNT_ANONYMOUS", "UPLOAD_CANCEL")),
    *(f"OCI_API_MANIFESTS_{name}" for name in ("ATOMIC", "DELETE", "DIGEST_HEADER", "TAG_PARAM")),
    *(f"OCI_API_TAGS_{name}" for name in ("ATOMIC", "DELETE", "LIST")),
    *(f"OCI_DATA_{name}" for name in ("IMAGE", "INDEX", "INDEX_LIST", "SPARSE", "ARTIFACT", "ARTIFACT_LIST")),
    *(f"OCI_DATA_{name}" for name in ("SUBJECT", "SUBJECT_MISSING", "SUBJECT_LIST", "DATA_FIELD")),
    *(f"OCI_DATA_{name}" for name in ("NONDISTRIBUTABLE", "CUSTOM_FIELDS", "NO_LAYERS", "EMPTY_BLOB", "SHA512")),
)


class SuiteError(Exception):
    """The suite could not be built or run; this says nothing about the server."""


def binary() -> Path:
    """The suite's program, built on first use."""
    program = BINARIES / f"conformance-{VERSION}"
    program.parent.mkdir(parents=True, exist_ok=True)
    with (BINARIES / "conformance.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # runs side by side build it once
        if not program.exists():
            _build(program)
    return program


def _build(program: Path) -> None:
    go = shutil.which("go")
    if go is None:
        raise SuiteError("the conformance suite is built with go 1.24 or newer, and there is no go on the PATH")
    with tempfile.TemporaryDirectory(dir=program.parent) as folder:
        environment = os.environ | {"GOBIN": folder, "CGO_ENABLED": "0"}
        built = subprocess.run(
            [go, "install", f"{MODULE}@{VERSION}"],
            env=environment,
            capture_output=True,
            text=True,
            timeout=BUILD_SECONDS,
        )
        if built.returncode != 0:
            raise SuiteError(f"go install {MODULE}@{VERSION} failed:\n{built.stderr}")
        (Path(folder) / "conformance").replace(program)


def run(program: Path, registry: str, spec_version: str, results: Path) -> None:
    """Runs the suite against host:port and leaves its reports in the results folder."""
    results.mkdir(parents=True, exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OCI_")}
    chosen = {
        "OCI_VERSION": spec_version,
        "OCI_REGISTRY": registry,
        "OCI_TLS": "disabled",
        "OCI_REPO1": "conformance/repo1",
        "OCI_REPO2": "conformance/repo2",
        "OCI_RESULTS_DIR": str(results),
        "OCI_LOG": "error",
    }
    with (results / "output.txt").open("wb") as output:
        # The exit status is not asked: it is 0 with skipped rows, and the reports say more.
        subprocess.run(
            [str(program)],
            env=kept | dict.fromkeys(SWITCHES, "true") | chosen,
            cwd=results,
            stdout=output,
            stderr=subprocess.STDOUT,
            timeout=RUN_SECONDS,
            check=False,
        )
