"""Fuzz every target, each in its own process: `python tests/fuzz/run.py --seconds N [--target NAME]...`.

Fails when a target raises anything but its parser's own refusal, hangs, or outgrows its memory; the input that did it
is kept in tests/fuzz/found/. Inputs worth keeping belong into tests/fuzz/corpus/<target>/.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
CORPUS = HERE / "corpus"
FOUND = HERE / "found"


def targets() -> list[str]:
    """The names of all targets: the folders of the corpus."""
    return sorted(folder.name for folder in CORPUS.iterdir() if folder.is_dir())


def fuzz(name: str, seconds: int, seed: int) -> bool:
    """Fuzz one target for this long; whether nothing was found."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as grown:
        command = [sys.executable, "-m", "tests.fuzz.target", name, f"-max_total_time={seconds}", f"-seed={seed}"]
        command += ["-timeout=10", "-rss_limit_mb=1024", "-max_len=65536", "-print_final_stats=1"]
        command += [f"-artifact_prefix={FOUND}/{name}-", grown, str(CORPUS / name)]
        try:
            done = subprocess.run(
                command, cwd=HERE.parent.parent, capture_output=True, text=True, errors="replace", timeout=seconds + 120
            )
        except subprocess.TimeoutExpired:
            print(f"{name}: did not stop in time")
            return False
    if done.returncode != 0:
        print(f"{name}: FAILED\n{done.stdout[-4000:]}\n{done.stderr[-8000:]}")
        return False
    executed = [line.split()[-1] for line in done.stderr.splitlines() if "number_of_executed_units" in line]
    print(f"{name}: {executed[0] if executed else 'no'} inputs, nothing found")
    return bool(executed)


def main() -> int:
    """Run the targets one after the other; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=30, help="time for each target")
    parser.add_argument("--seed", type=int, default=0, help="0 takes a new one each time")
    parser.add_argument("--target", action="append", choices=targets(), help="only this one; may be repeated")
    arguments = parser.parse_args()
    FOUND.mkdir(exist_ok=True)
    clean = [fuzz(name, arguments.seconds, arguments.seed) for name in arguments.target or targets()]
    if not any(FOUND.iterdir()):
        FOUND.rmdir()
    return 0 if all(clean) else 1


if __name__ == "__main__":
    sys.exit(main())
