"""Which lines have a monitor begun before anything else."""

import pytest

from runtime.cli.fast_start import starts


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("run --rm busybox true", True),
        ("--root /a --run-root=/b run busybox", True),
        ("start web", True),
        ("container run busybox", True),
        ("container ls run", False),
        ("exec run true", False),
        ("--root run", False),
        ("create run", False),
        ("", False),
    ],
)
def test_a_verb_that_starts_a_container(line: str, expected: bool) -> None:
    assert starts(line.split()) is expected
