"""The command `entrepot`: each a fork of this process, which has its modules already.

An emulated processor takes seconds to load them, and nothing that is looked at here depends on it.
"""

import os
import sys
import tempfile
import traceback
from dataclasses import dataclass
from importlib import import_module

from runtime.cli import main

VERBS = (
    "create",
    "events",
    "exec",
    "import_",
    "info",
    "inspect",
    "kill",
    "pause",
    "rm",
    "run",
    "stats",
    "top",
    "update",
)


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended, and what it wrote to its standard output and error."""

    code: int
    out: str
    err: str


def load() -> None:
    """Load what the commands need."""
    for verb in (*VERBS, "unpause"):
        import_module(f"runtime.cli.{verb}")


def entrepot(*words: str) -> Done:
    """Run a command to its end."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if not child:
            with open(os.devnull, "rb") as nothing:
                for number, file in enumerate((nothing, out, err)):
                    os.dup2(file.fileno(), number)
            sys.argv = ["entrepot", *words]
            _command()
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode())
        return Done(code, *texts)


def said(*words: str) -> str:
    """What a command prints that must succeed."""
    done = entrepot(*words)
    assert done.code == 0, (words, done.err)
    return done.out.strip()


def _command() -> None:
    code = 1
    try:
        main()
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
