"""The log is one form for our lines and the libraries', as text or JSON."""

import json
import logging
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from registry.telemetry import logs

Configured = Callable[[str, str], Path]


@pytest.fixture
def configured(tmp_path: Path) -> Iterator[Configured]:
    """Configure the log with a level and a form; the file that it goes to."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    shown = warnings.showwarning
    with (tmp_path / "log").open("wb") as file:

        def configure(level: str, form: str) -> Path:
            logs.configure(level, form, file.fileno())
            return tmp_path / "log"

        yield configure
        for handler in root.handlers:
            if handler not in handlers:
                handler.close()
    logging.captureWarnings(False)
    warnings.showwarning = shown
    root.handlers[:] = handlers
    root.setLevel(level)


def test_json_lines(configured: Configured) -> None:
    path = configured("info", "json")
    logging.getLogger("uvicorn.error").warning("from %s", "a\nlibrary")
    [line] = map(json.loads, path.read_text().splitlines())
    assert line.pop("timestamp").endswith("Z")
    assert line == {"message": "from a\nlibrary", "level": "warning", "source": "uvicorn.error"}


def test_text_lines_keep_what_a_client_sent_on_one_line(configured: Configured) -> None:
    path = configured("info", "text")
    logging.getLogger("registry.push").info("refused %s", "a\nforged line \x1b[31m")
    assert path.read_text().count("\n") == 1
    assert r"refused a\nforged line \x1b[31m" in path.read_text()
    assert "source=registry.push" in path.read_text()


@pytest.mark.parametrize("form", ["text", "json"])
def test_exceptions_carry_their_traceback(form: str, configured: Configured) -> None:
    path = configured("info", form)
    try:
        raise LookupError("what happened")
    except LookupError:
        logging.getLogger("registry").exception("failed")
    assert "Traceback" in path.read_text()
    assert "LookupError: what happened" in path.read_text()


def test_levels(configured: Configured) -> None:
    path = configured("warning", "json")
    logging.getLogger("registry").info("no")
    logging.getLogger("registry").warning("yes")
    assert [json.loads(line)["message"] for line in path.read_text().splitlines()] == ["yes"]


def test_what_is_announced_has_the_form_of_the_log(configured: Configured) -> None:
    path = configured("info", "text")
    logs.announce("first\n  second")
    assert path.read_text() == "first\n  second\n"
    path = configured("info", "json")
    logs.announce("first\n  second")
    assert json.loads(path.read_text().splitlines()[-1])["message"] == "first; second"


def test_chatty_libraries_are_kept_down(configured: Configured) -> None:
    path = configured("debug", "json")
    logging.getLogger("alembic.runtime.migration").info("no")
    logging.getLogger("uvicorn.access").info("no")
    logging.getLogger("sqlalchemy.engine").info("no")
    assert path.read_text() == ""
