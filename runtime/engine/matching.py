"""Names as docker's filters take them: for regular expressions, since `^web` and `^/web$` are typed often."""

from __future__ import annotations

import re

from runtime.engine.errors import EngineError


def matches(pattern: str, text: str) -> bool:
    """Whether the pattern is found in a text. Raises EngineError."""
    try:
        return re.search(pattern, text) is not None
    except re.error:
        raise EngineError(f"invalid filter: {pattern[:80]!r} is no regular expression") from None
