"""Where the user is nobody: in a user namespace of one id, both drivers do the same, of what one id can own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOTLESS = ("seen_as_one_tree", "seen_as_changes", "over_nothing", "removing", "cannot_own_files_here")
NAMESPACE = ("unshare", "--map-root-user", "--mount")


def test_the_contract_in_a_user_namespace(tmp_path: Path) -> None:
    contract = Path(__file__).with_name("test_contract.py")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--basetemp={tmp_path}/inside"]
    done = subprocess.run(
        [*NAMESPACE, *command, "-k", " or ".join(ROOTLESS), str(contract)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout
    assert f"{2 * len(ROOTLESS)} passed" in done.stdout
