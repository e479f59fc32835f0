"""`--log-driver` and `--log-opt key=value`: json-file with max-size and max-file, or none."""

from collections.abc import Iterable
from typing import Final

from runtime.bundle.container import LogConfig
from runtime.bundle.errors import ValueInvalid
from runtime.bundle.grammar import size

DRIVERS: Final = ("json-file", "none")
OPTIONS: Final = ("max-size", "max-file")
_MOST_FILES: Final = 1000


def read(driver: str, texts: Iterable[str]) -> LogConfig:
    """The log driver and its options; max-size is checked as a size (or -1, without bound), max-file as a number."""
    driver = driver or "json-file"
    if driver not in DRIVERS:
        raise ValueInvalid(f"unknown log driver: {driver!r}; use {' or '.join(DRIVERS)}")
    options: dict[str, str] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or key not in OPTIONS:
            raise ValueInvalid(f"unknown log option {text!r} for {driver} log driver; use {'=, '.join(OPTIONS)}=")
        options[key] = value
    if driver == "none" and options:
        raise ValueInvalid("invalid logging opts for driver none; leave --log-opt out")
    if "max-size" in options and size.read_swap(options["max-size"]) == 0:
        raise ValueInvalid("invalid max-size: 0; use a size such as 10m, or -1 for no bound")
    if "max-file" in options:
        count = options["max-file"]
        if not (count.isascii() and count.isdigit() and len(count) < 5 and 1 <= int(count) <= _MOST_FILES):
            raise ValueInvalid(f"invalid max-file: {count!r}; use a number from 1 to {_MOST_FILES}")
        if int(count) > 1 and options.get("max-size", "-1") == "-1":
            raise ValueInvalid("max-file without max-size has no effect; give both")
    return LogConfig(type=driver, config=options)
