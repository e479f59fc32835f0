"""Runs the official conformance suite against our server in its default configuration.

    python -m tests.conformance [--spec 1.1] [--spec dev] [--registry HOST:PORT] [--results FOLDER]

Ends with a line `N passed, N failed`, and with status 1 unless every check and every row passed.
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.conformance import results, suite
from tests.protocol.server import running


@contextlib.contextmanager
def registry(given: str | None) -> Iterator[str]:
    """The address of the registry under test: the given one, or a fresh server of ours."""
    if given:
        yield given
        return
    folder = Path(tempfile.mkdtemp(prefix="entrepot-conformance-"))
    try:
        with running(folder) as server:
            yield f"127.0.0.1:{server.port}"
    finally:
        shutil.rmtree(folder)


def report(spec_version: str, found: results.Results) -> None:
    """Prints the counts of one run and everything that did not pass."""
    print(f"OCI_VERSION={spec_version}")
    rows = {status: list(found.rows.values()).count(status) for status in results.STATUSES}
    for status in results.STATUSES:
        print(f"  {status:<9}{found.checks[status]:>5} checks {rows[status]:>4} rows")
    for complaint in found.complaints:
        print(f"    {complaint}")


def main(arguments: list[str] | None = None) -> int:
    """Runs what the arguments ask for; the status for the shell."""
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__.split("\n")[0])
    parser.add_argument("--spec", action="append", choices=suite.SPEC_VERSIONS, help="a version of the specification")
    parser.add_argument("--registry", metavar="HOST:PORT", help="test this registry instead of starting ours")
    parser.add_argument("--results", type=Path, help="keep the suite's reports in this folder")
    options = parser.parse_args(arguments)
    passed = failed = 0
    with tempfile.TemporaryDirectory() as scratch:
        for spec_version in options.spec or suite.SPEC_VERSIONS:
            folder = (options.results or Path(scratch)) / spec_version
            with registry(options.registry) as address:
                suite.run(suite.binary(), address, spec_version, folder.resolve())
            found = results.read(folder)
            report(spec_version, found)
            if complaint := results.shape_complaint(found):
                print(f"  {complaint}")
                failed += 1
            passed += found.passed
            failed += found.failed
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (suite.SuiteError, results.UnreadableResults) as error:
        sys.exit(f"conformance: {error}")
