"""Reading a command line as runc's: `--flag value`, `--flag=value`, flags before or behind the id."""

from __future__ import annotations

from runtime.executor.errors import UsageError

# What a flag takes: nothing, a value, or a value each time it is given.
SWITCH, VALUE, LIST = "switch", "value", "list"

GLOBAL = {
    "root": VALUE,
    "log": VALUE,
    "log-format": VALUE,
    "criu": VALUE,
    "rootless": VALUE,
    "cgroup-manager": VALUE,
    "debug": SWITCH,
    "systemd-cgroup": SWITCH,
    "version": SWITCH,
    "help": SWITCH,
}
SHORT = {"v": "version", "h": "help"}


class Arguments:
    """What was given: flags by name, and the words that are no flags."""

    def __init__(self) -> None:
        self.flags: dict[str, str] = {}
        self.lists: dict[str, list[str]] = {}
        self.words: list[str] = []

    def has(self, name: str) -> bool:
        """Whether a switch is on."""
        return self.flags.get(name, "false") not in ("false", "0", "f", "F", "FALSE", "False")

    def text(self, name: str, default: str = "") -> str:
        """The value of a flag."""
        return self.flags.get(name, default)

    def number(self, name: str, default: int = 0) -> int:
        """The value of a flag that is a whole number. Raise UsageError."""
        try:
            return int(self.flags.get(name, default))
        except ValueError:
            raise UsageError(f"--{name} needs a whole number, not {self.flags[name]!r}") from None

    def all(self, name: str) -> list[str]:
        """The values of a flag that may be given several times."""
        return self.lists.get(name, [])

    def only_id(self, verb: str) -> str:
        """The single word of a verb that takes an id. Raise UsageError."""
        if len(self.words) != 1:
            raise UsageError(f'"{verb}" requires exactly 1 argument')
        return self.words[0]


def parse(words: list[str], flags: dict[str, str], short: dict[str, str], stop: int | None) -> Arguments:
    """Read words; behind `stop` words that are no flags everything is a word. Raise UsageError."""
    found = Arguments()
    place = 0
    while place < len(words):
        word = words[place]
        place += 1
        if stop is not None and len(found.words) >= stop and not word.startswith("-"):
            found.words += [word, *words[place:]]
            break
        if word == "--":
            found.words += words[place:]
            break
        if not word.startswith("-") or word == "-":
            found.words.append(word)
            continue
        name, equals, value = word.lstrip("-").partition("=")
        name = short.get(name, name)
        if name not in flags:
            raise UsageError(f"flag provided but not defined: {word.split('=')[0]}")
        if not equals and flags[name] == SWITCH:
            value = "true"
        elif not equals:
            if place == len(words):
                raise UsageError(f"flag needs an argument: {word}")
            value = words[place]
            place += 1
        found.flags[name] = value
        found.lists.setdefault(name, []).append(value)
    return found


def split(words: list[str]) -> tuple[Arguments, str, list[str]]:
    """The global flags, the verb, and what stands behind it. Raise UsageError."""
    for place, word in enumerate(words):
        before = words[place - 1].lstrip("-") if place else ""
        takes_it = place and words[place - 1].startswith("-") and "=" not in before and GLOBAL.get(before) == VALUE
        if not word.startswith("-") and not takes_it:
            return parse(words[:place], GLOBAL, SHORT, None), word, words[place + 1 :]
    return parse(words, GLOBAL, SHORT, None), "", []
