"""Booting the test's machine and reading what it says: one line of JSON for each thing that was looked at."""

import json
import os
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.e2e.tools import system_tool
from tests.e2e.vm.image import write_image
from tests.e2e.vm.kernel import Kernel

KVM = Path("/dev/kvm")
SECONDS, SECONDS_EMULATED = 120, 900
TAIL = 4000


@dataclass
class Said:
    """What the guest has told by name; a thing that it did not come to is a failure with the end of its console."""

    console: str
    told: dict[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401
        assert name in self.told, f"nothing was said about {name}\n{self.wrong}\n{self.console[-TAIL:]}"
        return self.told[name]

    @property
    def wrong(self) -> str:
        """The tracebacks of what went wrong inside."""
        return "\n".join(str(value) for name, value in self.told.items() if name.startswith("wrong."))


def accelerated() -> bool:
    """Whether this host lets us have its processor's virtual machines; without, each instruction is emulated.

    A host that is itself a virtual machine may have the device and yet run only guests made for it.
    """
    flags = re.search(r"^flags\s*:(.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return os.access(KVM, os.R_OK | os.W_OK) and flags is not None and bool({"vmx", "svm"} & set(flags[1].split()))


def boot(folder: Path, kernel: Kernel) -> Said:
    """Boot, wait for the machine to switch itself off, and return what it has said. Never longer than it may take."""
    image, console, said = folder / "image", folder / "console", folder / "said"
    write_image(image, kernel)
    # Without the register of the processor's known flaws, which a host that is a machine of another may not hand on.
    how = (
        ["-accel", "kvm", "-cpu", "host,arch-capabilities=off"]
        if accelerated()
        else ["-accel", "tcg,thread=multi", "-cpu", "max"]
    )
    command = [system_tool("qemu-system-x86_64"), *how, "-machine", "q35", "-nodefaults", "-no-reboot"]
    command += ["-display", "none", "-smp", "2", "-m", "1536", "-kernel", kernel.image, "-initrd", image]
    command += ["-serial", f"file:{console}", "-serial", f"file:{said}"]
    command += ["-append", "console=ttyS0 quiet loglevel=4 panic=-1 random.trust_cpu=on tsc=reliable"]
    done = subprocess.run(
        [str(word) for word in command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=SECONDS if accelerated() else SECONDS_EMULATED,
    )
    heard = Said(console.read_text(errors="replace") + done.stdout.decode(errors="replace"))
    for line in said.read_text(errors="replace").splitlines():
        if line.startswith("{"):
            word = json.loads(line)
            heard.told[word["name"]] = word["value"]
    return heard
