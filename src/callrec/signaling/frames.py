"""What the server sends: each function returns one encoded message (docs/wire.md, Signaling messages)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

Kind = Literal["", "chat_refresh", "participants"]

CHAT_REFRESH = {"type": "chat", "chat": {"refresh": True}}


@dataclass(frozen=True)
class Frame:
    """The text of one message, and what a queue must know of it (see :mod:`callrec.signaling.outbox`)."""

    text: str
    kind: Kind = ""


def _frame(kind: str, content: Mapping[str, Any], message_id: str | None = None) -> Frame:
    message: dict[str, Any] = {} if message_id is None else {"id": message_id}
    return Frame(msgspec.json.encode({**message, "type": kind, kind: content}).decode())


def _event(target: str, kind: str, content: Any, *, queue_kind: Kind = "") -> Frame:
    frame = _frame("event", {"target": target, "type": kind, kind: content})
    return Frame(frame.text, queue_kind)


def welcome(version: str, features: Sequence[str]) -> Frame:
    """The first message on every socket."""
    return _frame("welcome", {"version": version, "features": features})


def hello(
    message_id: str | None,
    *,
    hello_version: str,
    session_id: str,
    resume_id: str,
    user_id: str,
    version: str,
    features: Sequence[str],
) -> Frame:
    """The answer to a hello."""
    content = {
        "version": hello_version,
        "sessionid": session_id,
        "resumeid": resume_id,
        "userid": user_id,
        "server": {"version": version, "features": features},
    }
    return _frame("hello", content, message_id)


def error(message_id: str | None, code: str, message: str, details: Mapping[str, Any] | None = None) -> Frame:
    """The refusal of one message; the connection stays open."""
    content: dict[str, Any] = {"code": code, "message": message}
    if details is not None:
        content["details"] = details
    return _frame("error", content, message_id)


def bye(reason: str, message_id: str | None = None) -> Frame:
    """The last message on a socket."""
    return _frame("bye", {"reason": reason}, message_id)


def room_content(token: str, properties: Mapping[str, Any] | None) -> dict[str, Any]:
    """The room object of answers, updates and the error ``already_joined``."""
    return {"roomid": token} if properties is None else {"roomid": token, "properties": properties}


def room(token: str, properties: Mapping[str, Any] | None = None, message_id: str | None = None) -> Frame:
    """The room one is in now: the answer to a join, or news without id. An empty token: in none."""
    return _frame("room", room_content(token, properties), message_id)


def join(entries: Sequence[Mapping[str, Any]]) -> Frame:
    """These sessions are in the room."""
    return _event("room", "join", entries)


def leave(session_ids: Sequence[str]) -> Frame:
    """These sessions have left the room."""
    return _event("room", "leave", session_ids)


def room_message(token: str, data: Any) -> Frame:
    """A message of the conversation server to everybody in the room."""
    kind: Kind = "chat_refresh" if data == CHAT_REFRESH else ""
    return _event("room", "message", {"roomid": token, "data": data}, queue_kind=kind)


def room_deleted() -> Frame:
    """The room is gone (to internal clients only)."""
    return _frame("event", {"target": "room", "type": "delete"})


def room_list(
    kind: Literal["invite", "disinvite", "update"],
    token: str,
    *,
    properties: Mapping[str, Any] | None = None,
    reason: str = "",
) -> Frame:
    """A user's list of conversations has changed."""
    content = room_content(token, properties)
    if reason:
        content["reason"] = reason
    return _event("roomlist", kind, content)


def participants(token: str, users: Sequence[Mapping[str, Any]]) -> Frame:
    """Who is in the room and in the call, with signaling session ids."""
    content = {"roomid": token, "users": users}
    return _event("participants", "update", content, queue_kind="participants")


def everybody(token: str, in_call: int) -> Frame:
    """Everybody's in-call flags are the same now; 0: the call has ended for all."""
    content = {"roomid": token, "incall": in_call, "all": True}
    return _event("participants", "update", content, queue_kind="participants")


def relayed(
    kind: Literal["message", "control"],
    recipient_type: str,
    session_id: str,
    user_id: str,
    data: msgspec.Raw,
) -> Frame:
    """A message of one client to another. The sender is as the server knows it."""
    sender = {"type": recipient_type, "sessionid": session_id}
    if user_id:
        sender["userid"] = user_id
    return _frame(kind, {"sender": sender, "data": data})
