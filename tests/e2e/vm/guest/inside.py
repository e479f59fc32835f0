"""Devices, which a program of the kernel decides about on version 2, as a container on an OCI runtime finds them."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from tests.runtime.executor.bundles import Bundle, Runtime

NODES = {"read": ("b", 7, 0), "none": ("b", 7, 1), "any": ("c", 10, 237), "late": ("c", 1, 11), "kind": ("c", 7, 1)}
RULES: list[dict[str, Any]] = [
    {"allow": True, "type": "c", "major": 1, "minor": 11, "access": "rwm"},
    {"allow": False, "access": "rwm"},
    {"allow": True, "type": "b", "major": 7, "minor": 0, "access": "r"},
    {"allow": True, "type": "c", "major": 10, "minor": 237, "access": "rw"},
]
LOOK = """
for each in read none any late kind; do
    (: < /dev/$each) 2>/dev/null && echo $each is read || echo $each is not read
    (: >> /dev/$each) 2>/dev/null && echo $each is written || echo $each is not written
done
for each in null zero full random urandom tty ptmx; do (: < /dev/$each) 2>/dev/null && echo $each; done
mknod /made b 8 0 && echo made
(: < /made) 2>&1
"""


def looks(runtime: Runtime, bundle: Bundle) -> Iterator[tuple[str, object]]:
    """What opens, and what does not; then for a container that may use all of them."""
    (bundle.rootfs / "bin/mknod").symlink_to("busybox")
    for name, rules in (("devices", RULES), ("privileged", [{"allow": True, "access": "rwm"}])):
        bundle.write(partial(_ruled, rules), args=["sh", "-c", LOOK])
        yield name, runtime("run", "--bundle", bundle.directory, "devices").stdout.splitlines()
        (bundle.rootfs / "made").unlink(missing_ok=True)


def _ruled(rules: list[dict[str, Any]], config: dict[str, Any]) -> None:
    config["linux"]["resources"]["devices"] = rules
    config["linux"]["devices"] = [
        {"path": f"/dev/{name}", "type": kind, "major": major, "minor": minor, "fileMode": 0o666}
        for name, (kind, major, minor) in NODES.items()
    ]
    config["process"]["capabilities"] = {key: ["CAP_MKNOD"] for key in ("bounding", "effective", "permitted")}
