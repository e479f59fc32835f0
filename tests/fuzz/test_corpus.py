"""Every input of the corpus, and small changes of it, through its harness; the fuzzer itself is not needed."""

from pathlib import Path

import pytest

from tests.fuzz.harness import TARGETS

CORPUS = Path(__file__).parent / "corpus"
INPUTS = sorted(path for path in CORPUS.rglob("*") if path.is_file())


def test_every_target_has_a_corpus() -> None:
    assert {path.parent.name for path in INPUTS} == TARGETS.keys()


@pytest.mark.parametrize("path", INPUTS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_an_input_is_answered_or_refused(path: Path) -> None:
    run = TARGETS[path.parent.name]
    data = path.read_bytes()
    run(data)
    step = max(1, len(data) // 64)
    for place in range(0, len(data), step):
        run(data[:place])
        run(data[:place] + data[place + 1 :])
        run(data[:place] + bytes([data[place] ^ 0x20]) + data[place + 1 :])
        run(data[:place] + b"\xff" + data[place:])


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_nothing_at_all_is_answered_or_refused(name: str) -> None:
    TARGETS[name](b"")
