"""Signals: `9`, `KILL`, `SIGKILL` and `RTMIN+3`, whatever the case."""

import re
import signal
from typing import Final

from runtime.bundle.errors import ValueInvalid

NUMBERS: Final = {
    name.removeprefix("SIG"): int(number) for name, number in signal.Signals.__members__.items() if "_" not in name
}
_LAST: Final = 64
_rt = re.compile(r"RT(MIN\+|MAX-)([0-9]{1,2})").fullmatch


def read(text: str) -> int:
    """The number of the signal."""
    name = text.upper().removeprefix("SIG")
    number = NUMBERS.get(name, 0)
    if found := _rt(name):
        step = int(found[2])
        number = NUMBERS["RTMIN"] + step if found[1] == "MIN+" else NUMBERS["RTMAX"] - step
        number = number if NUMBERS["RTMIN"] <= number <= NUMBERS["RTMAX"] else 0
    elif re.fullmatch(r"[0-9]{1,2}", text):
        number = int(text)
    if not 1 <= number <= _LAST:
        raise ValueInvalid(f"invalid signal: {text!r}; use a name such as TERM or a number from 1 to {_LAST}")
    return number
