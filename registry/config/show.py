"""Writes a configuration as TOML with the origin of each value beside it, passwords hidden."""

from registry.config.load import Loaded
from registry.config.settings import SECTIONS, SETTINGS


def show(loaded: Loaded) -> str:
    """Return the effective configuration; what it returns can be loaded again, hidden passwords aside."""
    lines: list[str] = []
    for section in SECTIONS:
        lines.append(f"[{section}]")
        values = getattr(loaded.config, section)
        for setting in SETTINGS.values():
            if setting.section == section:
                written = setting.type.write(getattr(values, setting.name))
                lines.append(f"{setting.name} = {written}  # {loaded.origins[setting.key]}")
        lines.append("")
    return "\n".join(lines)
