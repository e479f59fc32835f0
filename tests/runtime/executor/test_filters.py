"""Compiled filters are kept: the second start with the same rules reads what the first one compiled, if it is ours."""

from pathlib import Path

import pytest

from runtime.executor.filters import filter_of

RULES = {"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"names": ["read", "write"], "action": "SCMP_ACT_ALLOW"}]}


def test_what_was_compiled_is_read(tmp_path: Path) -> None:
    directory = tmp_path / "filters"
    compiled = filter_of(RULES, str(directory))
    (kept,) = directory.iterdir()
    assert len(compiled.program) > 40
    assert kept.read_bytes().endswith(compiled.program)
    kept.write_bytes(b"entrepot filter 1 2 1 8\n" + b"01234567")
    found = filter_of(RULES, str(directory))
    assert (found.program, found.flags, found.notifies) == (b"01234567", 2, True)
    other = filter_of(RULES | {"defaultErrnoRet": 38}, str(directory))
    assert other.program not in (found.program, compiled.program)


@pytest.mark.parametrize("content", [b"", b"entrepot filter 1 0 0 9\n01234567", b"entrepot filter 2 0 0 8\n01234567"])
def test_what_is_not_whole_is_compiled_again(tmp_path: Path, content: bytes) -> None:
    compiled = filter_of(RULES, str(tmp_path))
    (kept,) = tmp_path.iterdir()
    whole = kept.read_bytes()
    kept.write_bytes(content)
    assert filter_of(RULES, str(tmp_path)).program == compiled.program
    assert kept.read_bytes() == whole


def test_what_others_could_have_written_is_not_believed(tmp_path: Path) -> None:
    compiled = filter_of(RULES, str(tmp_path))
    (kept,) = tmp_path.iterdir()
    kept.write_bytes(b"entrepot filter 1 0 0 8\n01234567")
    kept.chmod(0o622)
    assert filter_of(RULES, str(tmp_path)).program == compiled.program
    target = tmp_path / "elsewhere"
    kept.rename(target)
    target.chmod(0o600)
    kept.symlink_to(target)
    assert filter_of(RULES, str(tmp_path)).program == compiled.program


def test_they_do_not_grow_without_end(tmp_path: Path) -> None:
    for number in range(64):
        (tmp_path / str(number)).touch()
    filter_of(RULES, str(tmp_path))
    assert len(list(tmp_path.iterdir())) == 1
