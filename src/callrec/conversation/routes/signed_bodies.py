"""What the recorder and a standalone signaling server send, for their routes' descriptions."""

from callrec.conversation.ocs.described import Body, Schema, Signature, keys
from callrec.conversation.ocs.errors import OcsError
from callrec.wire import checksum

_STRING: Schema = {"type": "string"}
_KIND: Schema = {"enum": [1, 2], "description": "1 video, 2 audio"}
_ACTOR: Schema = {**keys("type", "id"), "properties": {"type": _STRING, "id": _STRING}}
_OWNER: Schema = {"type": "string", "description": "The id of the user who gets the recording"}
_JSON, _URLENCODED, _MULTIPART = (
    "application/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data",
)
_FORMS = (_JSON, _URLENCODED, _MULTIPART)


def _message(kind: str, required: tuple[str, ...], properties: Schema) -> Schema:
    content = {**keys(*required), "properties": dict(properties)}
    return {**keys("type", kind), "properties": {"type": {"const": kind}, kind: content}}


def _one_of(*messages: Schema) -> Body:
    return Body({_JSON: {"oneOf": list(messages)}})


def _parameters(required: tuple[str, ...], properties: Schema) -> Body:
    schema = {**keys(*required), "properties": dict(properties)}
    return Body(dict.fromkeys(_FORMS, schema))


REPORT = _one_of(
    _message("started", ("token", "status", "actor"), {"token": _STRING, "status": _KIND, "actor": _ACTOR}),
    _message("stopped", ("token",), {"token": _STRING, "actor": {"anyOf": [_ACTOR, {"type": "null"}]}}),
    _message("failed", ("token",), {"token": _STRING}),
)
START = _parameters(("status",), {"status": _KIND})
UPLOAD = _parameters(("owner", "fileName"), {"owner": _OWNER, "fileName": _STRING})
_FINISH = {
    "owner": _OWNER,
    "fileName": {"type": "string", "description": "What was uploaded in chunks, instead of a file"},
    "intervalsFileName": {"type": "string", "description": "The speaking times that came with it"},
}
_FILE = {
    "MAX_FILE_SIZE": {"type": "integer", "description": "Bytes; counts when it comes before the file"},
    "file": {"type": "string", "format": "binary", "description": "The recording, with a file name"},
}
STORE = Body(
    {
        _MULTIPART: {**keys("owner"), "properties": {**_FINISH, **_FILE}},
        _JSON: {**keys("owner", "fileName"), "properties": _FINISH},
        _URLENCODED: {**keys("owner", "fileName"), "properties": _FINISH},
    }
)
_ROOM: Schema = {
    "roomid": _STRING,
    "sessionid": _STRING,
    "userid": _STRING,
    "action": {"enum": ["join", "leave"]},
}
_ENTRIES: Schema = {"type": "array", "items": {"type": "object", "properties": {"sessionid": _STRING}}}
CALLBACK = _one_of(
    _message("auth", ("params",), {"params": {"type": "object"}}),
    _message("room", ("roomid",), _ROOM),
    _message("ping", ("roomid", "entries"), {"roomid": _STRING, "entries": _ENTRIES}),
)


def _by_recorder(over: str, *, required: bool = True) -> Signature:
    return Signature(checksum.RECORDING_RANDOM, checksum.RECORDING_CHECKSUM, over, required)


OVER_REPORT = _by_recorder("the raw body")
OVER_TOKEN = _by_recorder("the room token of the path")
OVER_NOTHING = _by_recorder("nothing", required=False)
OVER_CALLBACK = Signature(checksum.SIGNALING_RANDOM, checksum.SIGNALING_CHECKSUM, "the raw body")


def report_too_long() -> OcsError:
    """Return the answer to a report above its limit: the recorder knows no 413 there."""
    error = {"code": "invalid_request", "message": "The body is too long."}
    return OcsError(400, {"type": "error", "error": error})
