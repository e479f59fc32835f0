"""What reading a manifest costs at its peak, in a process of its own: no shape takes much more than another."""

from __future__ import annotations

import subprocess
import sys

import pytest

MOST_MIB = 48
"""Over what the interpreter takes with the parser imported. Lists of nothing took 103 MiB."""

PROGRAM = """
import sys
from registry.oci.errors import ManifestInvalid
from registry.oci.manifest import parse

def peak():
    with open("/proc/self/status") as status:
        (line,) = [line for line in status if line.startswith("VmHWM")]
    return int(line.split()[1])

count, unit, size = int(sys.argv[1]), sys.argv[2], 4 << 20
head = '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[],"x":['
count = count or (size - len(head)) // (len(unit.encode()) + 1)
text = head + ",".join([unit] * count) + "]"
payload = (text + ',"y":"' + "\N{GRINNING FACE}" * max(0, (size - len(text.encode()) - 8) // 4) + '"}').encode()
assert size - 100 < len(payload) <= size + 20
del text
before = peak()
try:
    parse(payload, None)
    outcome = "taken"
except ManifestInvalid:
    outcome = "refused"
print(outcome, (peak() - before) >> 10)
"""


@pytest.mark.parametrize(
    ("count", "unit", "outcome"),
    [
        *((0, unit, "refused") for unit in ("[]", "{}", '{"a":0}', '{"a":[]}', "300", '""', "1.5", '"[,"', '"\\\\"')),
        *((90_000, unit, "taken") for unit in ("[]", "{}", "300", '"\\u0100"', '{"a":0}')),
        (60_000, "[[]]", "taken"),
        (0, '{"a":"' + "b" * 40 + '"}', "taken"),
    ],
)
def test_peak(count: int, unit: str, outcome: str) -> None:
    command = [sys.executable, "-c", PROGRAM, str(count), unit]
    found, mib = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.split()
    assert found == outcome
    assert int(mib) < MOST_MIB
