"""Reading the chat: pages of history, what is new, and waiting for it without holding anything."""

import asyncio
from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import Request

from callrec.conversation.chat import SAID
from callrec.conversation.core import Core
from callrec.conversation.db.engine import WriteSession
from callrec.conversation.db.tables_chat import ChatMessage
from callrec.conversation.db.tables_rooms import Attendee, Room
from callrec.conversation.db.tables_users import UserPreference
from callrec.conversation.ocs.disconnect import disconnected
from callrec.conversation.participants import USERS, Participant
from callrec.conversation.preferences import PRIVATE, READ_PRIVACY, preferences_of

COMMON_READ = "X-Chat-Last-Common-Read"


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


async def common_read_header(session: AsyncSession, participant: Participant) -> dict[str, str]:
    """Return the header that says how far all have read; none for who hides how far he has read."""
    attendee, room_id = participant.attendee, participant.room.id
    if attendee.actor_type == USERS:
        chosen = await preferences_of(session, attendee.actor_id)
        if chosen.get(READ_PRIVACY) == PRIVATE:
            return {}
    return {COMMON_READ: str((await last_common_read(session, [room_id])).get(room_id, 0))}


async def set_marker(tx: WriteSession, participant: Participant, message_id: int | None) -> None:
    """Say that the participant has read up to *message_id*, as he wishes; None: everything."""
    newest = participant.room.last_message_id or 0
    participant.attendee.last_read_message = newest if message_id is None else max(0, min(newest, message_id))
    await tx.flush()


async def mark_unread(tx: WriteSession, participant: Participant) -> None:
    """Say that the participant has not read the last that was said."""
    messages = select(func.max(ChatMessage.id)).where(ChatMessage.room_id == participant.room.id)
    last = await tx.scalar(messages.where(ChatMessage.kind.in_(SAID)))
    before = await tx.scalar(messages.where(ChatMessage.id < last)) if last is not None else None
    await set_marker(tx, participant, before or 0)


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
    gone: asyncio.Task[Any] = asyncio.create_task(disconnected(request.receive))
    try:
        await asyncio.wait({woken, gone}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        return event.is_set() and not gone.done()
    finally:
        woken.cancel()
        gone.cancel()
        await asyncio.gather(woken, gone, return_exceptions=True)
