"""`--security-opt`: no-new-privileges[=bool], seccomp=..., and what is taken and has no effect here."""

from collections.abc import Iterable
from typing import Final

import msgspec

from runtime.bundle.errors import ValueInvalid
from runtime.bundle.grammar import boolean

UNCONFINED: Final = "unconfined"
BUILTIN: Final = "builtin"


class Security(msgspec.Struct, frozen=True, kw_only=True):
    """What the security options say together; seccomp is builtin, unconfined or a profile as JSON."""

    no_new_privileges: bool = False
    seccomp: str = BUILTIN


def split(text: str) -> tuple[str, str]:
    """The key and the value of one option, at '=' or, as docker once had it, at ':'."""
    key, found, value = text.partition("=")
    if not found:
        key, found, value = text.partition(":")
    if (not found or not value) and key != "no-new-privileges":
        raise ValueInvalid(
            f"invalid --security-opt: {text!r}; use no-new-privileges, seccomp=unconfined or seccomp=FILE"
        )
    return key, value


def read(texts: Iterable[str]) -> Security:
    """What the options say together, a later one over an earlier."""
    no_new_privileges, seccomp = False, BUILTIN
    for text in texts:
        key, value = split(text)
        if key == "no-new-privileges":
            no_new_privileges = boolean.read(value, key) if value else True
        elif key == "seccomp":
            seccomp = value
        elif (key, value) not in (("apparmor", UNCONFINED), ("label", "disable")):
            raise ValueInvalid(
                f"invalid --security-opt: {text!r}; use no-new-privileges, seccomp=unconfined or seccomp=FILE; "
                "of apparmor and label only unconfined and disable are known"
            )
    return Security(no_new_privileges=no_new_privileges, seccomp=seccomp)
