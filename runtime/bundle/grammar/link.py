"""`--link container[:alias]`: docker's old way to know another container by name on the default network."""

from typing import NamedTuple

from runtime.bundle.errors import ValueInvalid


class Link(NamedTuple):
    """A container, by name or id, and what it is called within."""

    container: str
    alias: str


def read(text: str) -> Link:
    """The container and the alias, which is its name unless another is given; also as inspect shows them."""
    container, colon, alias = text.partition(":")
    name = container.removeprefix("/")
    if not name or (colon and not alias) or ":" in alias or any(letter.isspace() for letter in text):
        raise ValueInvalid(f"bad format for links: {text!r}; use container or container:alias")
    return Link(name, alias.rpartition("/")[2] or name)
