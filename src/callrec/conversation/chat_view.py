"""Chat messages as one viewer reads them (docs/wire.md, Chat)."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from callrec.conversation.chat import COMMENT, DELETED, FILE, SAID, SYSTEM
from callrec.conversation.core import Core
from callrec.conversation.db.tables_chat import ChatMessage
from callrec.conversation.db.tables_rooms import Attendee
from callrec.conversation.db.tables_users import User
from callrec.conversation.ocs.authentication import Caller
from callrec.conversation.participants import GUESTS, USERS, Participant
from callrec.conversation.system_texts import MAX_NAMED_USERS, deletion, sentence

FILE_GONE = "The file that was shared here is no longer available"

Names = Mapping[tuple[str, str], str]


def person(kind: str, actor_id: str, name: str) -> dict[str, str]:
    """Return a user or guest as a rich message parameter."""
    if kind == USERS:
        return {"type": "user", "id": actor_id, "name": name, "mention-id": actor_id}
    guest = f"guest/{actor_id}"
    return {"type": "guest", "id": guest, "name": name or "Guest", "mention-id": guest}


async def render_messages(
    core: Core,
    session: AsyncSession,
    messages: Sequence[ChatMessage],
    *,
    viewer: Caller,
    participant: Participant | None,
    tokens: Mapping[int, str],
) -> list[dict[str, Any]]:
    """Return *messages* as *viewer* reads them; *tokens* maps room ids to tokens.

    What was answered stands in ``parent``, without a parent of its own.
    """
    parents = await _parents(session, messages)
    every = [*messages, *parents.values()]
    names = await _current_names(session, every)
    files = [message for message in every if message.kind == FILE]
    shown = await core.hooks.file_parameters(session, files, viewer) if files else {}
    me = (participant.attendee.actor_type, participant.attendee.actor_id) if participant else None
    if me is None and viewer.user_id is not None:
        me = (USERS, viewer.user_id)

    def view(message: ChatMessage) -> dict[str, Any]:
        return _render(message, tokens[message.room_id], names=names, me=me, file=shown.get(message.id))

    rendered = []
    for message in messages:
        one = view(message)
        if message.parent_id is not None:
            parent = parents.get(message.parent_id)
            one["parent"] = view(parent) if parent else {"id": message.parent_id, "deleted": True}
        rendered.append(one)
    return rendered


def _render(
    message: ChatMessage,
    token: str,
    *,
    names: Names,
    me: tuple[str, str] | None,
    file: Mapping[str, str] | None,
) -> dict[str, Any]:
    actor = (message.actor_type, message.actor_id)
    name = names.get(actor, message.actor_name)
    text, parameters = message.message, {}
    kind, system = COMMENT, ""
    if message.kind == SYSTEM:
        kind, system = "system", message.message
        text = sentence(message.message, message.parameters, actor=actor, viewer=me)
        parameters = {"actor": person(*actor, name), **_people(message.parameters, names)}
        if message.parameters.get("silent"):
            parameters["silent"] = True
    elif message.kind == FILE:
        parameters = {"actor": person(*actor, name)}
        if file is None:
            text = FILE_GONE
        else:
            kind = str(message.parameters["messageType"])
            parameters["file"] = dict(file)
    elif message.kind == DELETED:
        deleter = message.parameters["by"]
        by = (deleter["type"], deleter["id"])
        kind = "comment_deleted"
        text = deletion(by, author=actor, viewer=me)
        parameters = {"actor": _stored_person(deleter, names)}
    rendered = {
        "id": message.id,
        "token": token,
        "actorType": message.actor_type,
        "actorId": message.actor_id,
        "actorDisplayName": name,
        "timestamp": int(message.created_at.timestamp()),
        "message": text,
        "messageParameters": parameters or [],
        "systemMessage": system,
        "messageType": kind,
        "isReplyable": message.kind in SAID,
        "referenceId": message.reference_id,
        "reactions": {},
        "expirationTimestamp": int(message.expires_at.timestamp()) if message.expires_at else 0,
        "markdown": message.kind != SYSTEM,
        "threadId": message.thread_id or message.id,
    }
    if message.kind == DELETED:
        rendered["deleted"] = True
    if message.silent:
        rendered["silent"] = True
    return rendered


def _people(stored: Mapping[str, Any], names: Names) -> dict[str, Any]:
    people: dict[str, Any] = {}
    if "group" in stored:
        group = stored["group"]
        people["group"] = {"type": "group", "id": group["id"], "name": group["name"]}
    if "user" in stored:
        people["user"] = _stored_person(stored["user"], names)
    for number, user in enumerate(stored.get("users", [])[:MAX_NAMED_USERS], start=1):
        people[f"user{number}"] = _stored_person(user, names)
    return people


def _stored_person(stored: Mapping[str, str], names: Names) -> dict[str, str]:
    actor = (stored["type"], stored["id"])
    return person(*actor, names.get(actor, stored["name"]))


async def _parents(session: AsyncSession, messages: Sequence[ChatMessage]) -> dict[int, ChatMessage]:
    """Return the messages that these answer, as far as they are still there."""
    ids = {message.parent_id for message in messages if message.parent_id is not None}
    if not ids:
        return {}
    return {
        parent.id: parent
        for parent in await session.scalars(select(ChatMessage).where(ChatMessage.id.in_(ids)))
    }


async def _current_names(session: AsyncSession, messages: Sequence[ChatMessage]) -> Names:
    """Return today's names of everybody in *messages* who still exists."""
    actors = {(message.actor_type, message.actor_id) for message in messages}
    for message in messages:
        stored = message.parameters
        mentioned = [*stored.get("users", []), stored.get("user"), stored.get("by")]
        actors |= {(entry["type"], entry["id"]) for entry in mentioned if entry}
    names: dict[tuple[str, str], str] = {}
    user_ids = {actor_id for kind, actor_id in actors if kind == USERS}
    if user_ids:
        for user in await session.scalars(select(User).where(User.id.in_(user_ids))):
            names[USERS, user.id] = user.display_name
    guest_ids = {actor_id for kind, actor_id in actors if kind == GUESTS}
    if guest_ids:
        guests = select(Attendee).where(Attendee.actor_type == GUESTS, Attendee.actor_id.in_(guest_ids))
        for guest in await session.scalars(guests):
            names[GUESTS, guest.actor_id] = guest.display_name
    return names
