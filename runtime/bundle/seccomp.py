"""Seccomp profiles in docker's format, resolved for one container: its capabilities, the kernel, the architecture.

The default profile stands in seccomp.json beside this file: moby's allow list of June 2026. What it names is allowed;
everything else answers EPERM, clone3 ENOSYS so that libraries fall back on clone, whose flags a filter can read.
Sockets of AF_ALG (38) are among what is not allowed.
"""

from functools import cache
from pathlib import Path
from typing import Any, Final

import msgspec

from runtime.bundle.errors import ProfileInvalid

LARGEST: Final = 2**20
"""Bytes of a profile."""


class Condition(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """When a rule counts: of caps all must be granted, of arches one must be this one."""

    caps: tuple[str, ...] = ()
    arches: tuple[str, ...] = ()
    min_kernel: str = ""


class Argument(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A comparison of one argument of the system call."""

    index: int
    value: int
    value_two: int = 0
    op: str


class Rule(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What to do when one of the named system calls is made and all arguments compare as said."""

    names: tuple[str, ...] = ()
    name: str = ""
    action: str
    errno_ret: int | None = None
    args: tuple[Argument, ...] | None = None
    includes: Condition | None = None
    excludes: Condition | None = None


class Architecture(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An architecture with those whose programs run on it too."""

    architecture: str
    sub_architectures: tuple[str, ...] | None = None


class Profile(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A profile; architectures and arch_map exclude each other."""

    default_action: str
    default_errno_ret: int | None = None
    architectures: tuple[str, ...] = ()
    arch_map: tuple[Architecture, ...] = ()
    flags: tuple[str, ...] = ()
    listener_path: str = ""
    listener_metadata: str = ""
    syscalls: tuple[Rule, ...] | None = None


# The machine as Go and docker's profiles name it, and as libseccomp does.
_LIBSECCOMP: Final = {
    "386": "SCMP_ARCH_X86",
    "amd64": "SCMP_ARCH_X86_64",
    "arm": "SCMP_ARCH_ARM",
    "arm64": "SCMP_ARCH_AARCH64",
    "loong64": "SCMP_ARCH_LOONGARCH64",
    "mips64le": "SCMP_ARCH_MIPSEL64",
    "ppc64le": "SCMP_ARCH_PPC64LE",
    "riscv64": "SCMP_ARCH_RISCV64",
    "s390x": "SCMP_ARCH_S390X",
}
_PROFILE_NAME: Final = {"386": "x86", "loong64": "loongarch64", "mips64le": "mipsel64"}


@cache
def default() -> Profile:
    """The profile of a container that asked for none."""
    return read(Path(__file__).with_name("seccomp.json").read_bytes())


def read(payload: bytes) -> Profile:
    """Raises ProfileInvalid."""
    if len(payload) > LARGEST:
        raise ProfileInvalid(f"seccomp profile is larger than {LARGEST} bytes")
    try:
        profile = msgspec.json.decode(payload, type=Profile)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ProfileInvalid(f"decoding seccomp profile failed: {error}") from None
    if profile.architectures and profile.arch_map:
        raise ProfileInvalid(
            "both 'architectures' and 'archMap' are specified in the seccomp profile, "
            "use either 'architectures' or 'archMap'"
        )
    for rule in profile.syscalls or ():
        if bool(rule.name) == bool(rule.names):
            raise ProfileInvalid("a rule of the seccomp profile must have one of 'name' and 'names'")
        for condition in (rule.includes, rule.excludes):
            if condition and condition.min_kernel:
                _version(condition.min_kernel)
    return profile


def resolve(profile: Profile, granted: frozenset[str], kernel: tuple[int, int], architecture: str) -> dict[str, Any]:
    """The profile as the runtime spec has it, of the rules that count here.

    `kernel` is its version (6, 1); `architecture` is Go's name of the machine.
    """
    here = _PROFILE_NAME.get(architecture, architecture)
    found: dict[str, Any] = {"defaultAction": profile.default_action}
    if profile.default_errno_ret is not None:
        found["defaultErrnoRet"] = profile.default_errno_ret
    if architectures := _architectures(profile, architecture):
        found["architectures"] = architectures
    for name in ("flags", "listener_path", "listener_metadata"):
        if value := getattr(profile, name):
            found[_SPEC_NAME[name]] = list(value) if isinstance(value, tuple) else value
    found["syscalls"] = [
        _rule(rule)
        for rule in profile.syscalls or ()
        if not _excluded(rule.excludes, granted, kernel, here) and _included(rule.includes, granted, kernel, here)
    ]
    return found


_SPEC_NAME: Final = {"flags": "flags", "listener_path": "listenerPath", "listener_metadata": "listenerMetadata"}


def _architectures(profile: Profile, architecture: str) -> list[str]:
    mine = _LIBSECCOMP.get(architecture)
    for each in profile.arch_map:
        if each.architecture == mine:
            return [mine, *(each.sub_architectures or ())]
    return list(profile.architectures)


def _rule(rule: Rule) -> dict[str, Any]:
    found: dict[str, Any] = {"names": list(rule.names or (rule.name,)), "action": rule.action}
    if rule.errno_ret is not None:
        found["errnoRet"] = rule.errno_ret
    if rule.args:
        found["args"] = [msgspec.to_builtins(each) for each in rule.args]
    return found


def _excluded(condition: Condition | None, granted: frozenset[str], kernel: tuple[int, int], here: str) -> bool:
    if condition is None:
        return False
    return (
        here in condition.arches
        or not granted.isdisjoint(condition.caps)
        or (condition.min_kernel != "" and kernel >= _version(condition.min_kernel))
    )


def _included(condition: Condition | None, granted: frozenset[str], kernel: tuple[int, int], here: str) -> bool:
    if condition is None:
        return True
    return (
        (not condition.arches or here in condition.arches)
        and granted.issuperset(condition.caps)
        and (not condition.min_kernel or kernel >= _version(condition.min_kernel))
    )


def _version(text: str) -> tuple[int, int]:
    major, dot, minor = text.partition(".")
    numbers = [int(part) for part in (major, minor) if part.isascii() and part.isdigit() and len(part) <= 3]
    if not dot or len(numbers) != 2:
        raise ProfileInvalid(f'invalid kernel version: {text}, expected "<kernel>.<major>"')
    return numbers[0], numbers[1]
