"""Reading the chat: pages of history, what is new, and waiting for it without holding anything."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import Request

from callrec.conversation.core import Core
from callrec.conversation.db.tables_chat import ChatMessage
from callrec.conversation.db.tables_rooms import Attendee, Room
from callrec.conversation.db.tables_users import UserPreference
from callrec.conversation.participants import USERS, Participant
from callrec.conversation.preferences import PRIVATE, READ_PRIVACY


@dataclass(frozen=True)
class Page:
    """Some messages of a room, and up to which message everybody has read."""

    messages: Sequence[ChatMessage]
    last_common_read: int


async def history(
    session: AsyncSession, room: Room, *, before: int, limit: int, include_last_known: bool
) -> Sequence[ChatMessage]:
    """Return messages older than *before* (0: from the end), newest first."""
    query = select(ChatMessage).where(ChatMessage.room_id == room.id)
    if before > 0:
        query = query.where(ChatMessage.id <= before if include_last_known else ChatMessage.id < before)
    return (await session.scalars(query.order_by(ChatMessage.id.desc()).limit(limit))).all()


async def future(
    session: AsyncSession, room: Room, *, after: int, limit: int, include_last_known: bool
) -> Sequence[ChatMessage]:
    """Return messages newer than *after*, oldest first."""
    newer = ChatMessage.id >= after if include_last_known else ChatMessage.id > after
    query = select(ChatMessage).where(ChatMessage.room_id == room.id, newer)
    return (await session.scalars(query.order_by(ChatMessage.id).limit(limit))).all()


async def last_common_read(session: AsyncSession, room_ids: Sequence[int]) -> dict[int, int]:
    """Return for each room the message up to which all its users have read who let others know."""
    silent = select(UserPreference.user_id).where(
        UserPreference.key == READ_PRIVACY, UserPreference.value == PRIVATE
    )
    rows = await session.execute(
        select(Attendee.room_id, func.min(Attendee.last_read_message))
        .where(Attendee.room_id.in_(room_ids), Attendee.actor_type == USERS, Attendee.actor_id.not_in(silent))
        .group_by(Attendee.room_id)
    )
    return {row[0]: row[1] for row in rows}


async def mark_read(core: Core, participant: Participant, message_id: int) -> None:
    """Note that the participant has read up to *message_id*; never backwards, never past the end."""
    message_id = min(message_id, participant.room.last_message_id or 0)
    if message_id <= participant.attendee.last_read_message:
        return
    async with core.db.write() as tx:
        attendee = await tx.get(Attendee, participant.attendee.id)
        if attendee is not None and attendee.last_read_message < message_id:
            attendee.last_read_message = message_id


async def wait_for(event: asyncio.Event, request: Request, timeout_s: float) -> bool:
    """Wait until *event* is set; False after the time, or as soon as the client has gone away.

    The body of *request* must have been read.
    """
    woken: asyncio.Task[Any] = asyncio.create_task(event.wait())
    gone: asyncio.Task[Any] = asyncio.create_task(_disconnected(request))
    try:
        await asyncio.wait({woken, gone}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        return event.is_set() and not gone.done()
    finally:
        woken.cancel()
        gone.cancel()
        await asyncio.gather(woken, gone, return_exceptions=True)


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
