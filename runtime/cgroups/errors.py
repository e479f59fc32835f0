"""What control groups can fail with, besides the OSError of the kernel."""

from __future__ import annotations


class CgroupError(Exception):
    """A limit, or a path, that this host's control groups cannot give; the text says which and why."""
