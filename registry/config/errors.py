"""The one error of configuration: it names the key, the value, where it came from, and what is allowed."""

import re

from registry.config.types import HIDDEN, hide_passwords, toml

_SECRET = re.compile(r"secret|token|password", re.IGNORECASE)
"""In the name of a setting, or of what was meant to be one: its value is not told."""


class ConfigError(ValueError):
    """A setting that is unknown, of the wrong type, or impossible beside another; its text is one line."""

    def __init__(self, key: str, value: object, allowed: str, *, origin: str = "") -> None:
        super().__init__(key, value, allowed)
        self.key = key
        self.value = value
        self.allowed = allowed
        self.origin = origin

    def __str__(self) -> str:
        secret = self.value and _SECRET.search(self.key)
        written = hide_passwords(toml(HIDDEN if secret else self.value))
        if len(written) > 200:
            written = written[:200] + "..."
        origin = f" ({self.origin})" if self.origin else ""
        return f"{self.key} = {written}{origin}: {self.allowed}"


class ConfigFileError(ConfigError):
    """A configuration file that cannot be read at all."""

    def __str__(self) -> str:
        return f"configuration file {self.value}: {self.allowed}"
