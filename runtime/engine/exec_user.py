"""Who a process of `exec --user` is, by the container's own files."""

from __future__ import annotations

from runtime.bundle import user
from runtime.engine.contained import read

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from runtime.engine.paths import Of


def resolved(text: str, of: Of) -> tuple[dict[str, Any], str]:
    """The spec's user, and where its home is. Raises UserUnknown."""
    found = user.resolve(text, read(of, "/etc/passwd"), read(of, "/etc/group"))
    groups = list(found.groups or (found.gid,))
    return {"uid": found.uid, "gid": found.gid, "additionalGids": groups}, found.home
