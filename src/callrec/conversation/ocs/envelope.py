"""The OCS envelope in JSON or XML, in the two dialects of ``/ocs/v1.php`` and ``/ocs/v2.php``."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from starlette.responses import Response

from callrec.conversation.ocs.errors import NOT_LOGGED_IN, OcsError
from callrec.conversation.ocs.formats import Format
from callrec.conversation.ocs.xml import to_xml

V1 = "/ocs/v1.php"
V2 = "/ocs/v2.php"

_encoder = msgspec.json.Encoder()


@dataclass(frozen=True)
class Answer:
    """What a handler returns: *data* for the envelope, the HTTP status and extra headers."""

    data: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


def render(dialect: str, form: Format, answer: Answer) -> Response:
    """Wrap a success. 204 and 304 have no body."""
    if answer.status in (204, 304):
        return Response(status_code=answer.status, headers=dict(answer.headers))
    meta = {"status": "ok", "statuscode": answer.status, "message": "OK"}
    return _response(dialect, form, answer, meta)


def render_error(dialect: str, form: Format, error: OcsError) -> Response:
    """Wrap a refusal."""
    meta = {"status": "failure", "statuscode": error.code, "message": error.message}
    return _response(dialect, form, Answer(error.data, error.status, error.headers), meta)


def unknown_route(dialect: str, form: Format) -> Response:
    """Return the answer for a path that does not exist."""
    text = "Invalid query: there is no such endpoint."
    return render_error(dialect, form, OcsError(404, [], message=text, code=998))


def _response(dialect: str, form: Format, answer: Answer, meta: dict[str, Any]) -> Response:
    status = answer.status
    if dialect == V1:
        code = 100 if meta["status"] == "ok" else meta["statuscode"]
        meta = {**meta, "statuscode": code, "totalitems": "", "itemsperpage": ""}
        status = 401 if code == NOT_LOGGED_IN else 200
    envelope = {"ocs": {"meta": meta, "data": answer.data}}
    if form is Format.JSON:
        body = _encoder.encode(envelope)
    else:
        body = to_xml(msgspec.to_builtins(envelope, str_keys=True))
    fixed = {"Content-Type": form.media_type}
    return Response(body, status, {"X-Content-Type-Options": "nosniff", **answer.headers, **fixed})
