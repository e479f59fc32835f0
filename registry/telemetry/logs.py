"""The server's log about itself, on standard error: structlog, as text for people or as JSON lines for machines.

What libraries log through the standard library comes out in the same form.
"""

import logging
import sys
from typing import TextIO

import msgspec
import structlog
from structlog.types import EventDict, Processor

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
# These say on every statement or connection what metrics and the access log say better.
_CHATTY = {"uvicorn.access": logging.CRITICAL, "alembic": logging.WARNING, "sqlalchemy": logging.WARNING}

Logger = structlog.typing.FilteringBoundLogger


def configure(level: str, format: str, stream: TextIO | None = None) -> None:
    """Write lines of `level` ("debug", "info", "warning", "error") and above as `format` ("text" or "json")."""
    stream = stream or sys.stderr
    threshold = _LEVELS[level]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    rendering = _rendering(format, colors=stream.isatty())
    structlog.configure(
        processors=[*shared, *rendering],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.WriteLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, _name_source],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendering],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(threshold)
    for name, least in _CHATTY.items():
        logging.getLogger(name).setLevel(max(least, threshold))
    logging.captureWarnings(True)


def get(name: str) -> Logger:
    """Return the logger of a part of the server; its lines carry the name."""
    logger: Logger = structlog.get_logger(source=name)
    return logger


def _name_source(_: object, __: str, event: EventDict) -> EventDict:
    record = event.get("_record")
    if isinstance(record, logging.LogRecord):
        event["source"] = record.name
    return event


def _rendering(format: str, *, colors: bool) -> list[Processor]:
    if format == "json":
        return [
            structlog.processors.format_exc_info,
            structlog.processors.EventRenamer("message"),
            structlog.processors.JSONRenderer(serializer=_to_json),
        ]
    # Quoted strings keep what a client sent on the line it belongs to.
    console = structlog.dev.ConsoleRenderer(colors=colors, repr_native_str=True, pad_event_to=32)
    return [structlog.processors.format_exc_info, console]


def _to_json(event: object, **_: object) -> str:
    return msgspec.json.encode(event, enc_hook=repr).decode()
