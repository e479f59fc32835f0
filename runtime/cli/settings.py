"""The runtime's own settings: a small TOML file, which need not be there.

    default_registry = "registry.example:5000"     where names without a registry lead; docker.io
    insecure_registries = ["10.0.0.5:5000"]        any certificate; behind http:// it is plain HTTP
    runtime = "runc"                               the OCI runtime of containers that name none; ours, runc or crun
    share = false                                  registries of this machine are not asked for their folders
    userns_remap = "default"                       containers run as ids of /etc/subuid: of this user, or of `entrepot`
    [mirrors]
    "docker.io" = ["mirror.example"]               asked first, in their order
    [registry_roots]
    "127.0.0.1:5000" = "/srv/entrepot"             the folder of a registry on this machine: its blobs are shared

/etc/entrepot/runtime.toml, then that in the user's ~/.config/entrepot, or the one file ENTREPOT_RUNTIME_CONFIG names.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

VARIABLE: Final = "ENTREPOT_RUNTIME_CONFIG"
_SYSTEM: Final = Path("/etc/entrepot/runtime.toml")


class SettingsError(Exception):
    """A file of settings that cannot be used."""

    exit_code = 125


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """See the module."""

    default_registry: str = "docker.io"
    insecure_registries: list[str] = []
    runtime: str = ""
    share: bool = True
    userns_remap: str = ""
    mirrors: dict[str, list[str]] = {}
    registry_roots: dict[str, str] = {}


def settings(environ: Mapping[str, str] | None = None) -> Settings:
    """The settings of this machine and user. Raises SettingsError."""
    given = os.environ if environ is None else environ
    named = given.get(VARIABLE)
    if named:
        return _converted(_read(Path(named)), named)
    base = given.get("XDG_CONFIG_HOME") or os.path.join(given.get("HOME") or "/", ".config")
    merged: dict[str, object] = {}
    for path in (_SYSTEM, Path(base, "entrepot", "runtime.toml")):
        if path.exists():
            read = _read(path)
            _converted(read, str(path))
            merged |= read
    return _converted(merged, str(_SYSTEM))


def _read(path: Path) -> dict[str, object]:
    import tomllib  # here, as most machines have no such file

    try:
        return tomllib.loads(path.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not TOML: {error}") from None


def _converted(document: dict[str, object], name: str) -> Settings:
    try:
        return msgspec.convert(document, Settings)
    except msgspec.ValidationError as error:
        raise SettingsError(f"{name}: {str(error)[:1].lower()}{str(error)[1:]}") from None
