"""What the conversation server tells about a room, and what it does (docs/wire.md, Room requests)."""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from callrec.signaling import frames
from callrec.signaling.hub import Hub
from callrec.signaling.membership import Membership
from callrec.signaling.room import Room

Entries = tuple[dict[str, Any], ...]


class MalformedPush(ValueError):
    """The conversation server sent something that is no room request. The text names the field."""


class Invite(Struct, frozen=True):
    """These users are in the room now; the others of ``alluserids`` see its new properties."""

    userids: frozenset[str] = frozenset()
    alluserids: frozenset[str] = frozenset()
    properties: dict[str, Any] | None = None


class Disinvite(Struct, frozen=True):
    """These users, or conversation sessions, are in the room no more."""

    userids: frozenset[str] = frozenset()
    sessionids: frozenset[str] = frozenset()
    alluserids: frozenset[str] = frozenset()
    properties: dict[str, Any] | None = None


class Update(Struct, frozen=True):
    """The room's properties have changed."""

    properties: dict[str, Any]
    userids: frozenset[str] = frozenset()


class Delete(Struct, frozen=True):
    """The room is gone."""

    userids: frozenset[str] = frozenset()


class Participants(Struct, frozen=True):
    """Everybody in the room; ``changed`` may carry new permissions."""

    changed: Entries = ()
    users: Entries = ()


class InCall(Struct, frozen=True):
    """Everybody in the call, or with ``all`` the same flags for everybody."""

    incall: int = 0
    all: bool = False
    changed: Entries = ()
    users: Entries = ()


class Message(Struct, frozen=True):
    """Something for everybody in the room."""

    data: Any


Push = Invite | Disinvite | Update | Delete | Participants | InCall | Message

_STRUCTS: dict[str, type[Push]] = {
    "invite": Invite,
    "disinvite": Disinvite,
    "update": Update,
    "delete": Delete,
    "participants": Participants,
    "incall": InCall,
    "message": Message,
}


def parse_push(request: Mapping[str, Any]) -> Push:
    """Parse one room request.

    Raises:
        MalformedPush: unknown type, or a field missing or of the wrong kind.
    """
    kind = request.get("type")
    if not isinstance(kind, str) or kind not in _STRUCTS:
        raise MalformedPush(f"type: must be one of {', '.join(_STRUCTS)}")
    try:
        # A copy of plain JSON values: later changes of the caller's objects do not reach us.
        content = msgspec.to_builtins(request.get(kind))
        push = msgspec.convert(content, _STRUCTS[kind])
    except (msgspec.ValidationError, TypeError) as error:
        raise MalformedPush(f"{kind}: {error}") from error
    if isinstance(push, Participants | InCall):
        for entry in (*push.changed, *push.users):
            _check_entry(kind, entry)
    return push


def _check_entry(kind: str, entry: Mapping[str, Any]) -> None:
    if not isinstance(entry.get("sessionId"), str):
        raise MalformedPush(f"{kind}: sessionId of an entry: must be a string")
    if not isinstance(entry.get("inCall", 0), int):
        raise MalformedPush(f"{kind}: inCall of an entry: must be a number")
    permissions = entry.get("permissions", [])
    if not isinstance(permissions, list) or not all(isinstance(word, str) for word in permissions):
        raise MalformedPush(f"{kind}: permissions of an entry: must be a list of strings")


def apply_push(membership: Membership, token: str, push: Push) -> None:
    """Do what *push* says to the room *token*. A room without anybody in it is no error."""
    hub = membership.hub
    room = hub.rooms.get(token)
    match push:
        case Invite():
            _tell_invited(hub, token, push)
        case Disinvite():
            _disinvite(membership, token, room, push)
        case Update():
            if room is not None:
                room.properties = push.properties
                room.send(frames.room(token, push.properties))
            _tell_updated(hub, token, push.userids, push.properties)
        case Delete():
            _delete(membership, token, room, push)
        case Participants() if room is not None:
            room.merge(push.changed, push.users)
        case InCall() if room is not None:
            if push.all:
                room.set_all_in_call(push.incall)
            else:
                room.merge(push.changed, push.users)
        case Message() if room is not None:
            room.send(frames.room_message(token, push.data))


def _tell_invited(hub: Hub, token: str, push: Invite) -> None:
    frame = frames.room_list("invite", token, properties=push.properties)
    for session in hub.of_users(push.userids):
        session.outbox.put(frame)
    _tell_updated(hub, token, push.alluserids - push.userids, push.properties)


def _tell_updated(hub: Hub, token: str, user_ids: frozenset[str], properties: dict[str, Any] | None) -> None:
    frame = frames.room_list("update", token, properties=properties)
    for session in hub.of_users(user_ids):
        session.outbox.put(frame)


def _disinvite(membership: Membership, token: str, room: Room | None, push: Disinvite) -> None:
    frame = frames.room_list("disinvite", token, reason="disinvited")
    told = set(membership.hub.of_users(push.userids))
    if room is not None:
        by_conversation_session = room.by_conversation_session
        told |= {by_conversation_session[i] for i in push.sessionids if i in by_conversation_session}
    for session in told:
        session.outbox.put(frame)
        if room is not None and session.room is room:
            membership.put_out(session)
    _tell_updated(membership.hub, token, push.alluserids - push.userids, push.properties)


def _delete(membership: Membership, token: str, room: Room | None, push: Delete) -> None:
    for session in membership.dissolve(room) if room is not None else ():
        if session.internal:
            session.outbox.put(frames.room_deleted())
        session.outbox.put(frames.room(""))
    frame = frames.room_list("disinvite", token, reason="deleted")
    for session in membership.hub.of_users(push.userids):
        session.outbox.put(frame)
