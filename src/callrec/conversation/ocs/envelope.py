"""The OCS envelope in JSON, in the two dialects of ``/ocs/v1.php`` and ``/ocs/v2.php``."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from starlette.responses import Response

from callrec.conversation.ocs.errors import NOT_LOGGED_IN, OcsError

V1 = "/ocs/v1.php"
V2 = "/ocs/v2.php"
MEDIA_TYPE = "application/json; charset=utf-8"

_encoder = msgspec.json.Encoder()


@dataclass(frozen=True)
class Answer:
    """What a handler returns: *data* for the envelope, the HTTP status and extra headers."""

    data: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


def render(dialect: str, answer: Answer) -> Response:
    """Wrap a success. 204 and 304 have no body."""
    if answer.status in (204, 304):
        return Response(status_code=answer.status, headers=dict(answer.headers))
    meta = {"status": "ok", "statuscode": answer.status, "message": "OK"}
    return _response(dialect, answer.status, meta, answer.data, answer.headers)


def render_error(dialect: str, error: OcsError) -> Response:
    """Wrap a refusal."""
    meta = {"status": "failure", "statuscode": error.code, "message": error.message}
    return _response(dialect, error.status, meta, error.data, error.headers)


def unknown_route(dialect: str) -> Response:
    """Return the answer for a path that does not exist."""
    text = "Invalid query: there is no such endpoint."
    return render_error(dialect, OcsError(404, [], message=text, code=998))


def _response(
    dialect: str, status: int, meta: dict[str, Any], data: Any, headers: Mapping[str, str]
) -> Response:
    if dialect == V1:
        code = 100 if meta["status"] == "ok" else meta["statuscode"]
        meta = {**meta, "statuscode": code, "totalitems": "", "itemsperpage": ""}
        status = 401 if code == NOT_LOGGED_IN else 200
    body = _encoder.encode({"ocs": {"meta": meta, "data": data}})
    return Response(
        body, status, {"X-Content-Type-Options": "nosniff", **headers, "Content-Type": MEDIA_TYPE}
    )
