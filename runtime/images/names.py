"""Names of images as docker users write them, and what they mean: a registry, a repository, a tag or a digest.

    busybox                  docker.io/library/busybox:latest
    team/app:1               docker.io/team/app:1
    localhost/app            the registry at localhost
    10.0.0.1:5000/app@sha256:...

The first part is a registry when it has a dot or a colon, is `localhost`, or has capital letters; otherwise the name is
of the default registry. Only docker.io has the repository `library/` for names of one part.
"""

import re
from typing import Final, NamedTuple

from registry.oci.descriptor import valid_digest
from registry.oci.reference import valid_name, valid_tag
from runtime.images.errors import InvalidName

HUB: Final = "docker.io"
_HUB_ALIASES: Final = ("index.docker.io", "registry-1.docker.io")
_OFFICIAL: Final = "library/"
_SHOWN: Final = 200

_LABEL = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_host = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])(?::[0-9]{{1,5}})?").fullmatch
_id = re.compile(r"[a-f0-9]{64}").fullmatch


class Name(NamedTuple):
    """A name in full. `tag` and `digest` are empty when not given; `str()` is the form names are kept in."""

    registry: str
    repository: str
    tag: str = ""
    digest: str = ""

    @property
    def place(self) -> str:
        """The registry and the repository."""
        return f"{self.registry}/{self.repository}"

    @property
    def reference(self) -> str:
        """What a registry is asked for: the digest, or else the tag."""
        return self.digest or self.tag

    def __str__(self) -> str:
        if self.digest:
            return f"{self.place}@{self.digest}"
        return f"{self.place}:{self.tag}" if self.tag else self.place


def parse(text: str, default: str = HUB) -> Name:
    """Read a name as written; `default` is the registry of names without one. Raises InvalidName."""
    rest, at, digest = text.partition("@")
    if at and not valid_digest(digest):
        raise InvalidName(f"{_shown(text)} has a digest that is none, write it like sha256:<64 digits of 0-9 and a-f>")
    rest, tag = _tag(rest, text)
    registry, repository = _split(rest, default)
    if _host(registry) is None:
        raise InvalidName(f"{_shown(text)} names registry {registry!r}, which is not a host or host:port")
    if repository.lower() != repository:
        raise InvalidName(f"{_shown(text)} is not an image name: repositories have no capital letters")
    if not valid_name(repository) or _id(rest):
        raise InvalidName(f"{_shown(text)} is not an image name, write it like [registry/]repository[:tag]")
    return Name(registry, repository, tag, digest)


def tagged(text: str, default: str = HUB) -> Name:
    """The same, `latest` being the tag where neither tag nor digest is given."""
    name = parse(text, default)
    return name if name.tag or name.digest else name._replace(tag="latest")


def familiar(name: Name, default: str = HUB) -> str:
    """As docker shows it: without what would be understood anyway."""
    repository = short_repository(name, default)
    if name.digest:
        return f"{repository}@{name.digest}"
    return f"{repository}:{name.tag}" if name.tag else repository


def short_repository(name: Name, default: str = HUB) -> str:
    """Registry and repository without what would be understood anyway."""
    if name.registry != default:
        return name.place
    # What is left must still mean the same: a repository may begin like a registry, or have library/ for a part of it.
    for rest in (name.repository.removeprefix(_OFFICIAL), name.repository):
        if _split(rest, default) == (name.registry, name.repository):
            return rest
    return name.place


def _tag(rest: str, text: str) -> tuple[str, str]:
    head, colon, tail = rest.rpartition(":")
    if not colon or "/" in tail:
        return rest, ""
    if not valid_tag(tail):
        raise InvalidName(f"{_shown(text)} has a tag that is none: letters, digits, '_', '.' and '-', at most 128")
    return head, tail


def _split(rest: str, default: str) -> tuple[str, str]:
    first, slash, behind = rest.partition("/")
    is_registry = "." in first or ":" in first or first == "localhost" or first.lower() != first
    if not slash or not is_registry:
        registry, repository = default, rest
    else:
        registry, repository = first, behind
    if registry in _HUB_ALIASES:
        registry = HUB
    if registry == HUB and "/" not in repository:
        repository = _OFFICIAL + repository
    return registry, repository


def _shown(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")
