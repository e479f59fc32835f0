"""The log is one form for our lines and the libraries', as text or JSON."""

import io
import json
import logging
import warnings
from collections.abc import Iterator

import pytest
import structlog

from registry.telemetry import logs


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    shown = warnings.showwarning
    yield
    logging.captureWarnings(False)
    warnings.showwarning = shown
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_json_lines() -> None:
    stream = io.StringIO()
    logs.configure("info", "json", stream)
    logs.get("registry.push").bind(request_id="r1").info("blob pushed", size=5, name="a\nb")
    logging.getLogger("uvicorn.error").warning("from %s", "a library")
    ours, theirs = map(json.loads, stream.getvalue().splitlines())
    assert ours.pop("timestamp").endswith("Z")
    assert ours == {
        "message": "blob pushed",
        "level": "info",
        "source": "registry.push",
        "request_id": "r1",
        "size": 5,
        "name": "a\nb",
    }
    assert (theirs["message"], theirs["level"], theirs["source"]) == ("from a library", "warning", "uvicorn.error")


def test_text_lines_keep_what_a_client_sent_on_one_line() -> None:
    stream = io.StringIO()
    logs.configure("info", "text", stream)
    logs.get("registry.push").info("refused", name="a\nforged line")
    assert stream.getvalue().count("\n") == 1
    assert r"name='a\nforged line'" in stream.getvalue()


@pytest.mark.parametrize("form", ["text", "json"])
def test_exceptions_carry_their_traceback(form: str) -> None:
    stream = io.StringIO()
    logs.configure("info", form, stream)
    try:
        raise LookupError("what happened")
    except LookupError:
        logs.get("registry").exception("failed")
    assert "Traceback" in stream.getvalue()
    assert "LookupError: what happened" in stream.getvalue()


def test_levels() -> None:
    stream = io.StringIO()
    logs.configure("warning", "json", stream)
    logger = logs.get("registry")
    logger.info("no")
    logging.getLogger("uvicorn.error").info("no")
    logger.warning("yes")
    assert [json.loads(line)["message"] for line in stream.getvalue().splitlines()] == ["yes"]


def test_a_logger_made_before_the_log_is_configured_follows_it() -> None:
    logger = logs.get("early")
    stream = io.StringIO()
    logs.configure("info", "json", stream)
    logger.info("hello")
    assert json.loads(stream.getvalue())["source"] == "early"


def test_chatty_libraries_are_kept_down() -> None:
    stream = io.StringIO()
    logs.configure("debug", "json", stream)
    logging.getLogger("alembic.runtime.migration").info("no")
    logging.getLogger("uvicorn.access").info("no")
    logging.getLogger("sqlalchemy.engine").info("no")
    assert stream.getvalue() == ""
