"""What `run` and `create` have in common: the words and options, and that they are read into one request."""

from collections.abc import Callable
from typing import Any

from runtime.cli.run_request import Asked, build
from runtime.cli.run_table import OF_RUN, OPTIONS
from runtime.cli.verb import Verb


def run_verb(help: str, do: Callable[[Asked], object], *, starts: bool) -> Verb:
    """A verb of a function that gets what was asked for; `starts` adds what only `run` has."""

    def read(values: dict[str, Any], words: list[str]) -> object:
        return do(build({**values, "image": words[0], "arguments": tuple(words[1:])}))

    rows = sorted((*OPTIONS, *(OF_RUN if starts else ())), key=lambda row: row[0][-1].strip("-"))
    return Verb(help, read, words=["IMAGE", "[COMMAND] [ARG]..."], options=rows, spread=False)
