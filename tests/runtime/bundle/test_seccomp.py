"""Seccomp profiles: the default one for what a container may do, and those of a file."""

import json
from typing import Any

import pytest

from runtime.bundle import capabilities, seccomp
from runtime.bundle.errors import ProfileInvalid

NEW = (6, 1)
ALLOW = "SCMP_ACT_ALLOW"


def resolved(*granted: str, kernel: tuple[int, int] = NEW, architecture: str = "amd64") -> dict[str, Any]:
    return seccomp.resolve(seccomp.default(), frozenset(granted), kernel, architecture)


def always(profile: dict[str, Any]) -> set[str]:
    return {
        name for rule in profile["syscalls"] if rule["action"] == ALLOW and "args" not in rule for name in rule["names"]
    }


def rules(profile: dict[str, Any], name: str) -> list[dict[str, Any]]:
    return [rule for rule in profile["syscalls"] if name in rule["names"]]


def test_what_is_not_named_is_refused() -> None:
    profile = resolved(*capabilities.DEFAULT)
    assert (profile["defaultAction"], profile["defaultErrnoRet"]) == ("SCMP_ACT_ERRNO", 1)
    dangerous = {"mount", "umount2", "unshare", "setns", "bpf", "kexec_load", "init_module", "keyctl", "add_key"}
    dangerous |= {"open_by_handle_at", "reboot", "io_uring_setup", "userfaultfd", "syslog", "perf_event_open", "acct"}
    assert always(profile).isdisjoint(dangerous)
    assert {"read", "execve", "openat2", "clone", "socket"} - always(profile) == {"clone", "socket"}


@pytest.mark.parametrize(
    ("capability", "opened"),
    [
        ("CAP_SYS_ADMIN", {"mount", "unshare", "setns", "bpf", "clone", "clone3"}),
        ("CAP_DAC_READ_SEARCH", {"open_by_handle_at"}),
        ("CAP_SYS_BOOT", {"reboot"}),
        ("CAP_SYS_CHROOT", {"chroot"}),
        ("CAP_SYS_MODULE", {"init_module", "finit_module", "delete_module"}),
        ("CAP_SYSLOG", {"syslog"}),
        ("CAP_BPF", {"bpf"}),
        ("CAP_SYS_TIME", {"clock_settime", "settimeofday"}),
    ],
)
def test_a_capability_opens_its_calls(capability: str, opened: set[str]) -> None:
    assert always(resolved()).isdisjoint(opened)
    assert always(resolved(capability)) >= opened


def test_clone_makes_no_namespace_and_clone3_is_not_there() -> None:
    profile = resolved(*capabilities.DEFAULT)
    (clone,) = rules(profile, "clone")
    assert clone["args"] == [{"index": 0, "value": 0x7E020000, "op": "SCMP_CMP_MASKED_EQ"}]
    (clone3,) = rules(profile, "clone3")
    assert (clone3["action"], clone3["errnoRet"]) == ("SCMP_ACT_ERRNO", 38)


@pytest.mark.parametrize("family", [1, 2, 10, 16, 37, 39, 41, 44])
def test_sockets_of_most_families(family: int) -> None:
    assert socket_allowed(family)


@pytest.mark.parametrize("family", [38, 40])
def test_no_sockets_of_the_kernels_crypto_nor_to_the_hypervisor(family: int) -> None:
    assert not socket_allowed(family)


def socket_allowed(family: int) -> bool:
    compare = {"SCMP_CMP_LT": int.__lt__, "SCMP_CMP_EQ": int.__eq__, "SCMP_CMP_GT": int.__gt__}
    found = [rule["args"] for rule in rules(resolved(), "socket")]
    return any(all(compare[one["op"]](family, one["value"]) for one in arguments) for arguments in found)


def test_tracing_needs_a_kernel_that_filters_again() -> None:
    assert "ptrace" in always(resolved(kernel=(4, 8)))
    assert "ptrace" not in always(resolved(kernel=(4, 7)))
    assert "ptrace" in always(resolved("CAP_SYS_PTRACE", kernel=(3, 10)))


def test_architectures() -> None:
    assert resolved()["architectures"] == ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]
    arm = resolved(architecture="arm64")
    assert arm["architectures"] == ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"]
    assert "arch_prctl" not in always(arm)
    assert "set_tls" in always(arm)
    assert rules(resolved(architecture="s390x"), "clone")[0]["args"][0]["index"] == 1


def test_a_profile_of_a_file() -> None:
    profile = {
        "defaultAction": ALLOW,
        "architectures": ["SCMP_ARCH_X86_64"],
        "flags": ["SECCOMP_FILTER_FLAG_LOG"],
        "syscalls": [
            {"name": "mkdir", "action": "SCMP_ACT_ERRNO", "args": None, "comment": "as of old"},
            {"names": ["chmod"], "action": "SCMP_ACT_KILL", "excludes": {"minKernel": "5.0"}},
        ],
    }
    found = seccomp.resolve(seccomp.read(json.dumps(profile).encode()), frozenset(), NEW, "amd64")
    assert found == {
        "defaultAction": ALLOW,
        "architectures": ["SCMP_ARCH_X86_64"],
        "flags": ["SECCOMP_FILTER_FLAG_LOG"],
        "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_ERRNO"}],
    }


@pytest.mark.parametrize(
    "profile",
    [
        b"",
        b"[]",
        b"\xff",
        b"{}",
        b'{"defaultAction": 1}',
        b'{"defaultAction": "x", "architectures": ["a"], "archMap": [{"architecture": "a"}]}',
        b'{"defaultAction": "x", "syscalls": [{"action": "y"}]}',
        b'{"defaultAction": "x", "syscalls": [{"name": "a", "names": ["a"], "action": "y"}]}',
        b'{"defaultAction": "x", "syscalls": [{"name": "a", "action": "y", "includes": {"minKernel": "5"}}]}',
        b" " * (seccomp.LARGEST + 1),
    ],
)
def test_what_is_no_profile(profile: bytes) -> None:
    with pytest.raises(ProfileInvalid):
        seccomp.read(profile)
