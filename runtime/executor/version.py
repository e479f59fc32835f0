"""What this program calls itself."""

from __future__ import annotations

PROGRAM = "entrepot-oci"
RELEASE = "0.1.0"
SPEC = "1.2.0"


def text() -> str:
    """The answer to --version, in the lines that callers parse."""
    return f"{PROGRAM} version {RELEASE}\ncommit: {RELEASE}\nspec: {SPEC}\n"
