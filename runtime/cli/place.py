"""The folders of the runtime as the command line and the environment have them; `home` has the same as paths."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT_VARIABLE = "ENTREPOT_RUNTIME_ROOT"
RUN_VARIABLE = "ENTREPOT_RUNTIME_RUN_ROOT"


_entered: list[int] = []


def enter(user: int) -> None:
    """This process has become root of a namespace of this user, whose places it goes on with."""
    _entered.append(user)


def user() -> int:
    """Whose command this is."""
    return _entered[-1] if _entered else os.geteuid()


def shared(environ: Mapping[str, str], user: int) -> str:
    """The folder that all commands of a user share for what runs, whatever their root."""
    return _run(environ, user, _absolute(f"{_data(environ)}/entrepot"))


_said: list[str | None] = [None, None]


def say(root: str | None, run_root: str | None) -> None:
    """What the command line says of the folders, for the command that runs now."""
    _said[:] = root, run_root


def here() -> tuple[str, str]:
    """The root and the run root of the command that runs now."""
    return place(os.environ, user(), *_said)


def place(environ: Mapping[str, str], user: int, root: str | None = None, run: str | None = None) -> tuple[str, str]:
    """The root and the run root of a user id: as said, else as the environment has it, else root's or of a user's data.

    Another root than the usual one has a run root of its own, so that two of them never share a lock or a socket.
    """
    usual = "/var/lib/entrepot" if user == 0 else _absolute(f"{_data(environ)}/entrepot")
    chosen = _absolute(root or environ.get(ROOT_VARIABLE) or usual)
    said = run or environ.get(RUN_VARIABLE)
    if said:
        return chosen, _absolute(said)
    base = _run(environ, user, chosen)
    if chosen == usual:
        return chosen, base
    digest = __import__("_blake2").blake2b(os.fsencode(chosen), digest_size=6)  # hashlib would load all of OpenSSL
    return chosen, f"{base}/roots/{digest.hexdigest()}"


def _data(environ: Mapping[str, str]) -> str:
    return environ.get("XDG_DATA_HOME") or f"{environ.get('HOME') or '/'}/.local/share"


def _run(environ: Mapping[str, str], user: int, root: str) -> str:
    if user == 0:
        return "/run/entrepot"
    folder = environ.get("XDG_RUNTIME_DIR")
    return _absolute(f"{folder}/entrepot") if folder else f"{root}/run"


def _absolute(path: str) -> str:
    """From the root on, without doubled slashes and dots; `..` stays, for what it means is a matter of links."""
    whole = path if path.startswith("/") else f"{os.getcwd()}/{path}"
    return "/" + "/".join(part for part in whole.split("/") if part not in ("", "."))
