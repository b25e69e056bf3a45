"""What a standalone signaling server asks over HTTP, and the answers (docs/wire.md, Signaling callbacks)."""

from typing import Any, TypeVar

import msgspec

from callrec.wire.constants import ROOM_TOKEN
from callrec.wire.signaling import SignalingBackend, SignalingRefusal, SignalingUser

T = TypeVar("T")

VERSION = "1.0"
NO_SESSION = "0"


class _Envelope(msgspec.Struct):
    type: str
    auth: msgspec.Raw = msgspec.Raw(b"null")
    room: msgspec.Raw = msgspec.Raw(b"null")
    ping: msgspec.Raw = msgspec.Raw(b"null")


class _Auth(msgspec.Struct):
    params: dict[str, Any]


class _Room(msgspec.Struct):
    roomid: str
    sessionid: str = ""
    userid: str = ""
    action: str = "join"
    """Some servers leave it out when a session joins."""


class _Entry(msgspec.Struct):
    sessionid: str = ""


class _Ping(msgspec.Struct):
    roomid: str
    entries: list[_Entry]


def refused(code: str, message: str) -> dict[str, Any]:
    """Return an error as a signaling server reads it."""
    return {"type": "error", "error": {"code": code, "message": message}}


async def answer_callback(backend: SignalingBackend, body: bytes) -> dict[str, Any]:
    """Do what a correctly signed *body* asks for and return the answer's data; an error is an answer, too."""
    try:
        request = msgspec.json.decode(body, type=_Envelope)
        match request.type:
            case "auth":
                return await _auth(backend, msgspec.json.decode(request.auth, type=_Auth))
            case "room":
                return await _room(backend, msgspec.json.decode(request.room, type=_Room))
            case "ping":
                return await _ping(backend, msgspec.json.decode(request.ping, type=_Ping))
            case other:
                return refused("unknown_type", f"type {other[:32]!r} is not served")
    except SignalingRefusal as refusal:
        return refused(refusal.code, refusal.message)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return refused("invalid_request", str(error))


async def _auth(backend: SignalingBackend, auth: _Auth) -> dict[str, Any]:
    user = await backend.authenticate(auth.params)
    known = {"userid": user.user_id, "user": {"displayname": user.display_name}} if user.user_id else {}
    return {"type": "auth", "auth": {"version": VERSION, **known}}


async def _room(backend: SignalingBackend, room: _Room) -> dict[str, Any]:
    if not ROOM_TOKEN.fullmatch(room.roomid):
        raise SignalingRefusal("no_such_room", "there is no such room")
    user = SignalingUser(room.userid, guest=None)
    answer: dict[str, Any] = {"version": VERSION, "roomid": room.roomid}
    if room.action == "leave":
        await backend.leave_room(room.roomid, user, room.sessionid)
        return {"type": "room", "room": answer | {"properties": {}}}
    if room.action != "join":
        raise SignalingRefusal("invalid_request", "room.action must be join or leave")
    admission = await backend.join_room(room.roomid, user, room.sessionid)
    admitted = {"properties": admission.properties, "permissions": list(admission.permissions)}
    return {"type": "room", "room": answer | admitted}


async def _ping(backend: SignalingBackend, ping: _Ping) -> dict[str, Any]:
    sessions = [entry.sessionid for entry in ping.entries if entry.sessionid not in ("", NO_SESSION)]
    if sessions:
        await backend.ping(ping.roomid, sessions)
    return {"type": "room", "room": {"version": VERSION}}
