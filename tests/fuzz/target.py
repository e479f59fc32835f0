"""Fuzz one target in this process: `python -m tests.fuzz.target NAME [libFuzzer flags and folders]`."""

import importlib
import sys


def main() -> None:
    """Load the harnesses with coverage counters in the project's code, and hand over to the fuzzer."""
    name = sys.argv.pop(1)
    # By name: the fuzzer has no types and is not there for the tests that replay the corpus.
    atheris = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["registry", "storage", "tests.fuzz.harness"]):
        harness = importlib.import_module("tests.fuzz.harness")
    atheris.Setup(sys.argv, harness.TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
