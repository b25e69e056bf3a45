"""JSON or XML: which form of answer a request wants (docs/wire.md, OCS envelope)."""

from collections.abc import Mapping
from enum import Enum
from typing import Any

from starlette.requests import Request


class Format(Enum):
    """The form of an answer's body."""

    JSON = "json"
    XML = "xml"

    @property
    def media_type(self) -> str:
        """The ``Content-Type``."""
        return f"application/{self.value}; charset=utf-8"


def note_format(request: Request, parameters: Mapping[str, Any]) -> None:
    """Note the ``format`` among the parameters of a body that was read; it wins over the query's."""
    request.state.format = _named(parameters.get("format"))


def wanted_format(request: Request) -> Format:
    """Return the form that *request* asks for: by the parameter ``format``, else by ``Accept``, else XML."""
    named = getattr(request.state, "format", None) or _named(request.query_params.get("format"))
    if named is not None:
        return named
    accept = request.headers.get("accept", "").lower()
    return Format.JSON if "application/json" in accept else Format.XML


def format_by_parameter(request: Request) -> Format:
    """Return the form for a request that no route takes: ``Accept`` does not count there."""
    return _named(request.query_params.get("format")) or Format.XML


def _named(value: Any) -> Format | None:
    return {"json": Format.JSON, "xml": Format.XML}.get(value) if isinstance(value, str) else None
