"""Structured logs: events with stable names and keys, one line each, to standard error."""

import logging
import sys
from collections.abc import Callable
from typing import Any

import structlog

FAILURE_LEVELS = ("warning", "error", "critical")

OnFailure = Callable[[str, str], object]
"""Is told level and event of what is logged at warning or above, whatever level is shown."""


def _tell_nobody(_level: str, _event: str) -> None:
    pass


def configure(level: str = "info", *, as_json: bool = False, on_failure: OnFailure = _tell_nobody) -> None:
    """Send structlog and the standard library's loggers to standard error in one form."""
    renderer: structlog.types.Processor = (
        structlog.processors.JSONRenderer()
        if as_json
        # Plain: the default shows local variables, and those may be secrets.
        else structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    )
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    if as_json:
        shared.append(structlog.processors.format_exc_info)
    structlog.configure(
        processors=[
            *shared,
            _teller(on_failure, logging.getLevelName(level.upper())),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        # Failures pass the filter at any level, to be counted.
        wrapper_class=structlog.make_filtering_bound_logger(
            min(logging.getLevelName(level.upper()), logging.WARNING)
        ),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for chatty in ("aioice", "aiortc", "httpx", "httpcore", "dbos", "alembic", "websockets", "uvicorn"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def _teller(on_failure: OnFailure, shown: int) -> structlog.types.Processor:
    def tell(_logger: object, _method: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
        level: Any = event["level"]
        if level in FAILURE_LEVELS:
            on_failure(level, str(event["event"]))
            if logging.getLevelName(level.upper()) < shown:
                raise structlog.DropEvent
        return event

    return tell
