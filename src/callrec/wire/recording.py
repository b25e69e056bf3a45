"""Messages between the conversation server and the recording server (docs/wire.md, Recording requests).

They are compared as strings by strangers' tests: compact JSON in a fixed key order, ``/`` escaped and
non-ASCII as ``\\uXXXX``, and a stop without actor is ``"stop":[]``, a list.
"""

import json
from typing import Any, TypeVar

import msgspec

from callrec.wire.constants import RecordingStatus

T = TypeVar("T")


class Actor(msgspec.Struct, frozen=True):
    """Who asked: ``type`` is an attendee type such as ``users``, ``id`` the id of that kind."""

    type: str
    id: str


class Start(msgspec.Struct, frozen=True):
    """Start a recording. ``status`` is 1 (video) or 2 (audio); ``owner`` the user id that gets the file."""

    status: int
    owner: str
    actor: Actor

    @property
    def is_video(self) -> bool:
        """Whether pictures are to be recorded, too."""
        return self.status == RecordingStatus.VIDEO


class Stop(msgspec.Struct, frozen=True):
    """Stop the room's recording; without actor when the call ended by itself."""

    actor: Actor | None = None


class Started(msgspec.Struct, frozen=True):
    """The recorder is in the call and records."""

    token: str
    status: int
    actor: Actor


class Stopped(msgspec.Struct, frozen=True):
    """The recorder captures no more."""

    token: str
    actor: Actor | None = None


class Failed(msgspec.Struct, frozen=True):
    """The recording failed and nothing can be saved."""

    token: str


Request = Start | Stop
Report = Started | Stopped | Failed


class MalformedMessage(ValueError):
    """The body is not a message of this protocol. The text names the field."""


def php_json(value: Any) -> bytes:
    """Encode as PHP's ``json_encode`` does: compact, ``\\/``, ``\\uXXXX``."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":")).replace("/", "\\/").encode()


def _actor(actor: Actor) -> dict[str, str]:
    return {"type": actor.type, "id": actor.id}


def encode_request(request: Request) -> bytes:
    """Return the body for ``POST /api/v1/room/{token}``."""
    if isinstance(request, Start):
        return php_json({"type": "start", "start": encode_start(request)})
    return php_json({"type": "stop", "stop": {"actor": _actor(request.actor)} if request.actor else []})


def encode_report(report: Report) -> bytes:
    """Return the body for ``POST …/recording/backend``."""
    if isinstance(report, Started):
        started = {"token": report.token, "status": report.status, "actor": _actor(report.actor)}
        return php_json({"type": "started", "started": started})
    if isinstance(report, Stopped):
        stopped: dict[str, Any] = {"token": report.token}
        if report.actor:
            stopped["actor"] = _actor(report.actor)
        return php_json({"type": "stopped", "stopped": stopped})
    return php_json({"type": "failed", "failed": {"token": report.token}})


def decode_request(body: bytes) -> Request:
    """Parse a body of ``POST /api/v1/room/{token}``.

    Raises:
        MalformedMessage: no JSON object, unknown ``type``, or a field missing or of the wrong kind.
    """
    kind, content = _typed(body, ("start", "stop"))
    if kind == "start":
        start = _convert(content, Start, "start")
        if start.status not in (RecordingStatus.VIDEO, RecordingStatus.AUDIO):
            raise MalformedMessage("start.status: must be 1 (video) or 2 (audio)")
        return start
    return Stop() if content in ([], {}) else _convert(content, Stop, "stop")


def encode_start(start: Start) -> dict[str, Any]:
    """Return a start as plain values, for ``decode_start``."""
    return {"status": start.status, "owner": start.owner, "actor": _actor(start.actor)}


def decode_start(content: Any) -> Start:
    """Read what ``encode_start`` made. Raises MalformedMessage."""
    return _convert(content, Start, "start")


def encode_stop(stop: Stop) -> dict[str, Any]:
    """Return a stop as plain values, for ``decode_stop``."""
    return {"actor": _actor(stop.actor)} if stop.actor else {}


def decode_stop(content: Any) -> Stop:
    """Read what ``encode_stop`` made. Raises MalformedMessage."""
    return _convert(content, Stop, "stop") if content else Stop()


def decode_report(body: bytes) -> Report:
    """Parse a body of ``POST …/recording/backend``.

    Raises:
        MalformedMessage: no JSON object, unknown ``type``, or a field missing or of the wrong kind.
    """
    kind, content = _typed(body, ("started", "stopped", "failed"))
    if kind == "started":
        started = _convert(content, Started, "started")
        if started.status not in (RecordingStatus.VIDEO, RecordingStatus.AUDIO):
            raise MalformedMessage("started.status: must be 1 (video) or 2 (audio)")
        return started
    if kind == "stopped":
        return _convert(content, Stopped, "stopped")
    return _convert(content, Failed, "failed")


def _typed(body: bytes, kinds: tuple[str, ...]) -> tuple[str, Any]:
    try:
        message = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedMessage("body: not valid JSON") from error
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise MalformedMessage("type: missing")
    kind: str = message["type"]
    if kind not in kinds:
        raise MalformedMessage(f"type: unknown, must be {', '.join(kinds[:-1])} or {kinds[-1]}")
    if kind not in message:
        raise MalformedMessage(f"{kind}: missing")
    return kind, message[kind]


def _convert(content: Any, struct: type[T], name: str) -> T:
    try:
        return msgspec.convert(content, struct)
    except msgspec.ValidationError as error:
        raise MalformedMessage(f"{name}: {error}") from error
