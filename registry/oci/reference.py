"""The grammar of repository names and tags, exactly as the distribution spec gives it."""

import re
from typing import Final

MAX_NAME: Final = 255

# distribution-spec, "Pulling manifests": <name> MUST match
# [a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_name = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*").fullmatch

# <reference> as a tag MUST be at most 128 characters and MUST match [a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}
_tag = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}").fullmatch


def valid_name(name: str) -> bool:
    """Whether this is a repository name of at most 255 characters."""
    return len(name) <= MAX_NAME and _name(name) is not None


def valid_tag(tag: str) -> bool:
    """Whether this is a tag."""
    return _tag(tag) is not None
