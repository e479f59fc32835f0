"""features: print what this program can do, as the specification's features.md has it."""

from __future__ import annotations

import os

from runtime.executor.documents import pretty
from runtime.executor.mount_options import KNOWN
from runtime.executor.namespaces import KINDS
from runtime.executor.seccomp import ACTIONS, ARCHITECTURES, OPERATORS
from runtime.executor.version import RELEASE, SPEC
from runtime.syscall.capability_names import CAPABILITIES
from runtime.syscall.seccomp import FILTER_FLAGS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runtime.executor.program import Call

FLAGS: dict[str, str] = {}
SHORT: dict[str, str] = {}
STOP = None
HOOKS = ("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop")


def run(_call: Call) -> int:
    """Print them."""
    document = {
        "ociVersionMin": "1.0.0",
        "ociVersionMax": SPEC,
        "hooks": list(HOOKS),
        "mountOptions": KNOWN,
        "linux": {
            "namespaces": sorted(KINDS),
            "capabilities": CAPABILITIES,
            "cgroup": {"v1": True, "v2": True, "systemd": True, "systemdUser": False, "rdma": True},
            "seccomp": {
                "enabled": True,
                "actions": ACTIONS,
                "operators": OPERATORS,
                "archs": ARCHITECTURES,
                "knownFlags": sorted(FILTER_FLAGS),
                "supportedFlags": sorted(FILTER_FLAGS),
            },
            "apparmor": {"enabled": True},
            "selinux": {"enabled": True},
            "intelRdt": {"enabled": False},
            "mountExtensions": {"idmap": {"enabled": True}},
        },
        "potentiallyUnsafeConfigAnnotations": [],
        "annotations": {"org.entrepot.oci.version": RELEASE},
    }
    os.write(1, (pretty(document) + "\n").encode())
    return 0
