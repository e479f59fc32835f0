"""Sessions do not outlive a start of the machine: what was not synced may be gone."""

from __future__ import annotations

from registry.metadata.uploads import UploadRow
from registry.services.uploads.session import is_of_another_boot
from storage.ingest import BOOT, IngestState


def row(state: str) -> UploadRow:
    return UploadRow("0" * 32, "team/app", "127.0.0.1", "sha256", 5, state, 1, 1)


def test_only_this_boot_is_believed() -> None:
    assert not is_of_another_boot(row(IngestState(5, {}, BOOT).encode()))
    assert not is_of_another_boot(row(""))
    assert is_of_another_boot(row(IngestState(5, {}, "another").encode()))
    assert is_of_another_boot(row("not to be read"))
