"""Instructions of a Dockerfile that change what an image runs: `--change` of import and commit. Pure."""

import json
import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from runtime.images.errors import BadChange

_PORT: Final = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?(?:/(tcp|udp|sctp))?").fullmatch
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)(h|ms|m|s|us|ns)")
_NANOSECONDS: Final = {"h": 3600 * 10**9, "m": 60 * 10**9, "s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
_LARGEST_PORT: Final = 65535
_SHELL: Final = ["/bin/sh", "-c"]

Run = dict[str, Any]


def apply(run: Mapping[str, Any], instructions: Iterable[str]) -> Run:
    """The config of an image as the instructions leave it. Raises BadChange."""
    changed = json.loads(json.dumps(dict(run)))
    for instruction in instructions:
        word, _, rest = instruction.strip().partition(" ")
        change = _CHANGES.get(word.upper())
        if change is None:
            raise BadChange(f"change {instruction[:100]!r} is not one of {', '.join(_CHANGES)}")
        if not rest.strip():
            raise BadChange(f"change {word.upper()} needs a value")
        change(changed, rest.strip())
    return {key: value for key, value in changed.items() if value not in (None, "", [], {})}


def _command(text: str) -> list[str]:
    """A JSON list of words, or a line for the shell."""
    if text.startswith("["):
        try:
            words = json.loads(text)
        except ValueError:
            words = None
        if isinstance(words, list) and all(isinstance(word, str) for word in words):
            return words
    return [*_SHELL, text]


def _cmd(run: Run, text: str) -> None:
    run["Cmd"] = _command(text)


def _entrypoint(run: Run, text: str) -> None:
    run["Entrypoint"] = _command(text)
    run["Cmd"] = None  # docker's: a command was for the entry point that was there before


def _pairs(text: str, word: str) -> dict[str, str]:
    """`key=value ...` with quotes, or the old form `key value`."""
    words = _words(text, word)
    if words and "=" not in words[0]:
        key, _, value = text.partition(" ")
        if not value:
            raise BadChange(f"change {word} {text[:100]!r} is not like key=value")
        return {key: value.strip()}
    pairs: dict[str, str] = {}
    for one in words:
        key, equals, value = one.partition("=")
        if not equals or not key:
            raise BadChange(f"change {word} {text[:100]!r} is not like key=value")
        pairs[key] = value
    return pairs


def _words(text: str, word: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        raise BadChange(f"change {word} {text[:100]!r} has a quote that is not closed") from None


def _env(run: Run, text: str) -> None:
    pairs = _pairs(text, "ENV")
    kept = [one for one in run.get("Env") or [] if one.partition("=")[0] not in pairs]
    run["Env"] = [*kept, *(f"{key}={value}" for key, value in pairs.items())]


def _label(run: Run, text: str) -> None:
    run["Labels"] = {**(run.get("Labels") or {}), **_pairs(text, "LABEL")}


def _expose(run: Run, text: str) -> None:
    ports = dict(run.get("ExposedPorts") or {})
    for word in text.split():
        found = _PORT(word)
        first, last = (int(found[1]), int(found[2] or found[1])) if found else (1, 0)
        if found is None or not 0 < first <= last <= _LARGEST_PORT:
            raise BadChange(f"change EXPOSE {word[:40]!r} is not a port like 80, 80/udp or 80-90")
        ports |= {f"{port}/{found[3] or 'tcp'}": {} for port in range(first, last + 1)}
    run["ExposedPorts"] = ports


def _volume(run: Run, text: str) -> None:
    words = _command(text) if text.startswith("[") else _words(text, "VOLUME")
    run["Volumes"] = {**(run.get("Volumes") or {}), **{word: {} for word in words}}


def _workdir(run: Run, text: str) -> None:
    before = run.get("WorkingDir") or "/"
    run["WorkingDir"] = text if text.startswith("/") else f"{before.rstrip('/')}/{text}"


def _onbuild(run: Run, text: str) -> None:
    run["OnBuild"] = [*(run.get("OnBuild") or []), text]


def _plain(key: str) -> Callable[[Run, str], None]:
    def change(run: Run, text: str) -> None:
        run[key] = text

    return change


def _healthcheck(run: Run, text: str) -> None:
    """[--interval= --timeout= --start-period= --retries=] CMD command, or NONE."""
    check: dict[str, Any] = {}
    while text.startswith("--"):
        option, _, text = text.partition(" ")
        key, _, value = option[2:].partition("=")
        text = text.strip()
        if key == "retries" and value.isdigit():
            check["Retries"] = int(value)
        elif key in ("interval", "timeout", "start-period", "start-interval"):
            check["".join(part.title() for part in key.split("-"))] = _nanoseconds(value)
        else:
            raise BadChange(f"change HEALTHCHECK has the option {option[:40]!r}, which is not known")
    word, _, rest = text.partition(" ")
    if word.upper() == "NONE":
        run["Healthcheck"] = {"Test": ["NONE"]}
    elif word.upper() == "CMD" and rest.strip():
        command = _command(rest.strip())
        test = ["CMD-SHELL", command[2]] if command[:2] == _SHELL else ["CMD", *command]
        run["Healthcheck"] = {"Test": test, **check}
    else:
        raise BadChange("change HEALTHCHECK is not like CMD command or NONE")


def _nanoseconds(text: str) -> int:
    parts = _DURATION.findall(text)
    if not parts or "".join(f"{number}{unit}" for number, unit in parts) != text:
        raise BadChange(f"change HEALTHCHECK has the time {text[:40]!r}, write it like 30s or 1m30s")
    return int(sum(float(number) * _NANOSECONDS[unit] for number, unit in parts))


_CHANGES: Final[dict[str, Callable[[Run, str], None]]] = {
    "CMD": _cmd,
    "ENTRYPOINT": _entrypoint,
    "ENV": _env,
    "EXPOSE": _expose,
    "HEALTHCHECK": _healthcheck,
    "LABEL": _label,
    "ONBUILD": _onbuild,
    "STOPSIGNAL": _plain("StopSignal"),
    "USER": _plain("User"),
    "VOLUME": _volume,
    "WORKDIR": _workdir,
}
