"""One run of the load generator against one server: what came out, and what it cost the server."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.bench.rows import Row
from tests.bench.servers import Server

WARM_UP = 1.0


class RowFailed(Exception):
    """The server answered wrongly under load, so the row has no result."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One measured window. A unit is an operation, or a GB for rows of big blobs."""

    throughput: float  # units a second
    cpu: float  # seconds of the server's CPU a unit
    cores: float  # how many cores the server kept busy
    p50: float  # milliseconds
    p99: float
    peak: int  # bytes of resident memory
    proportional: int
    client_cpu: float  # seconds of the generator's CPU a request
    operations: int


def run(generator: Path, server: Server, row: Row, paths: Path, seconds: float, size: int) -> Sample:
    """Warm up, then measure for so many seconds."""
    command = [
        *(str(generator), "-handshake", "-addr", server.address, "-work", row.work),
        *(
            "-conns",
            str(row.clients),
            "-pool",
            str(row.pool),
            "-warmup",
            f"{min(WARM_UP, seconds)}s",
            "-duration",
            f"{seconds}s",
        ),
        *("-paths", str(paths), "-size", str(size), "-repo", f"bench/{row.name}"),
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as load:
        assert load.stdin is not None
        assert load.stdout is not None
        assert load.stderr is not None
        if load.stdout.readline() != b"ready\n":
            raise RowFailed(load.stderr.read().decode().strip() or "the load generator ended early")
        before = server.cpu_seconds()
        load.stdin.write(b"go\n")
        load.stdin.flush()
        line = load.stdout.readline()
        cpu = server.cpu_seconds() - before
        memory = server.memory()
        if not line:
            raise RowFailed(load.stderr.read().decode().strip() or "the load generator ended early")
    result = json.loads(line)
    if result["errors"] or not result["ops"]:
        raise RowFailed(f"{result['errors']} errors in {result['ops']} operations: {result['problem']}")
    units = result["bytes"] / 1e9 if row.big else result["ops"]
    return Sample(
        throughput=units / result["seconds"],
        cpu=cpu / units,
        cores=cpu / result["seconds"],
        p50=result["p50_ms"],
        p99=result["p99_ms"],
        peak=memory.peak,
        proportional=memory.proportional,
        client_cpu=result["client_cpu_seconds"] / result["requests"],
        operations=result["ops"],
    )
