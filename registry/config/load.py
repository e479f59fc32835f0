"""Reads the configuration: a flag before an environment variable before the file before the default.

Every value keeps its origin, so that `entrepot config show` and every error can say where it came from.
"""

import difflib
import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from registry.config.checks import check
from registry.config.derive import derive
from registry.config.errors import ConfigError, ConfigFileError
from registry.config.settings import SECTIONS, SETTINGS, Config, Setting

DEFAULT = "default"
FLAG = "command line"
FILE_VARIABLE = "ENTREPOT_CONFIG"
COMPANIONS = "ENTREPOT_RUNTIME_"
"""What the variables of the companion runtime, which are its own, begin with."""

# Kubernetes gives every container variables about every service: a service called entrepot is not a setting.
_KUBERNETES = re.compile(
    r"ENTREPOT_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)", re.ASCII
)


class Loaded(NamedTuple):
    """A configuration, and where each of its values came from by key."""

    config: Config
    origins: dict[str, str]


class _Raw(NamedTuple):
    value: object
    origin: str
    text: bool


def load(path: str | None, environ: Mapping[str, str], flags: Mapping[str, str]) -> Loaded:
    """Return the effective configuration; `path` is a TOML file, the keys of `flags` are those of the settings."""
    given: dict[str, _Raw] = {}
    if path is not None:
        given.update(_from_file(path))
    given.update(_from_environment(environ))
    given.update((_known(key, value, FLAG), _Raw(value, FLAG, True)) for key, value in flags.items())
    values: dict[str, dict[str, object]] = {section: {} for section in SECTIONS}
    origins: dict[str, str] = {}
    for key, setting in SETTINGS.items():
        raw = given.get(key)
        values[setting.section][setting.name] = setting.default if raw is None else _read(setting, raw)
        origins[key] = DEFAULT if raw is None else raw.origin
    sections = {section: SECTIONS[section](**settings) for section, settings in values.items()}
    config = derive(Config(**sections), environ, origins)  # type: ignore[arg-type] # each under its own name
    check(config, origins)
    return Loaded(config, origins)


def _read(setting: Setting, raw: _Raw) -> object:
    try:
        return setting.type.read(raw.value, text=raw.text)
    except ValueError:
        raise ConfigError(setting.key, raw.value, f"must be {setting.type.allowed}", origin=raw.origin) from None


def _from_file(path: str) -> Iterator[tuple[str, _Raw]]:
    try:
        with open(path, "rb") as file:
            tables = tomllib.load(file)
    except OSError as error:
        raise ConfigFileError("", path, (error.strerror or str(error)).lower()) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigFileError("", path, f"is not TOML: {str(error)[:200]}") from None
    origin = f"file {path}"
    for section, table in tables.items():
        if section not in SECTIONS:
            raise ConfigError(section, table, _unknown(section, list(SECTIONS), "section"), origin=origin)
        if not isinstance(table, dict):
            raise ConfigError(section, table, f"must be a section: write [{section}] above its settings", origin=origin)
        for name, value in table.items():
            yield _known(f"{section}.{name}", value, origin), _Raw(value, origin, False)


def _from_environment(environ: Mapping[str, str]) -> Iterator[tuple[str, _Raw]]:
    by_variable = {setting.variable: setting for setting in SETTINGS.values()}
    for variable in sorted(environ):
        if not variable.startswith("ENTREPOT_") or variable == FILE_VARIABLE or _KUBERNETES.fullmatch(variable):
            continue
        if variable.startswith(COMPANIONS):
            continue
        value = environ[variable]
        if variable not in by_variable:
            allowed = _unknown(variable, list(by_variable), "variable", complete_list=False)
            raise ConfigError(variable, value, allowed, origin="environment")
        yield by_variable[variable].key, _Raw(value, f"environment {variable}", True)


def _known(key: str, value: object, origin: str) -> str:
    if key in SETTINGS:
        return key
    section = key.partition(".")[0]
    near = [name for name in SETTINGS if name.startswith(f"{section}.")] or list(SETTINGS)
    raise ConfigError(key, value, _unknown(key, near, "setting"), origin=origin)


def _unknown(name: str, known: list[str], what: str, *, complete_list: bool = True) -> str:
    close = difflib.get_close_matches(name, known, n=1) or difflib.get_close_matches(name, list(SETTINGS), n=1)
    hint = f"; did you mean {close[0]}?" if close else ";"
    listed = f"known: {', '.join(known)}" if complete_list else "every variable is in docs/configuration.md"
    return f"no such {what}{hint} {listed}"


def file_from(environ: Mapping[str, str]) -> str | None:
    """Return the configuration file the environment names, if it names one."""
    return environ.get(FILE_VARIABLE) or None
