"""Writing to the chat: what people say, what happened, what was shared."""

import asyncio
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from callrec.conversation.db.base import utc_now
from callrec.conversation.db.engine import Database, WriteSession
from callrec.conversation.db.notices import CHAT
from callrec.conversation.db.tables_chat import ChatMessage
from callrec.conversation.db.tables_rooms import Room
from callrec.conversation.participants import GUESTS, ActorRef, named
from callrec.conversation.signaling_push import RoomSignals

COMMENT = "comment"
SYSTEM = "system"
FILE = "file"
DELETED = "deleted"
SAID = (COMMENT, FILE)
"""What people said: counted as unread, and can be answered and deleted."""

NOBODY = ActorRef(GUESTS, "failed-to-get-session", "")
"""The actor of a message that nobody in the room caused."""


class NewMessages:
    """Wakes those who wait for a room's next message.

    Holds one event for each room that was polled since its last message.
    """

    def __init__(self) -> None:
        self._events: dict[int, asyncio.Event] = {}
        self.closed = False

    def hear(self, room: str | None) -> None:
        """Wake everybody who waits for the room with this id, or for any: they look for themselves."""
        for room_id in self._events.keys() & {int(room)} if room else tuple(self._events):
            self._events.pop(room_id).set()

    def close(self) -> None:
        """Wake everybody, for good: the server ends."""
        self.closed = True
        for event in self._events.values():
            event.set()

    def next(self, room_id: int) -> asyncio.Event:
        """Return what will be set at the next message; take it before looking whether there is one."""
        return self._events.setdefault(room_id, asyncio.Event())


class Chat:
    """Writes messages in a transaction; afterwards clients are told."""

    def __init__(self, signals: RoomSignals) -> None:
        self._signals = signals
        self.new_messages = NewMessages()

    async def comment(
        self,
        tx: WriteSession,
        room: Room,
        actor: ActorRef,
        text: str,
        *,
        reference_id: str = "",
        silent: bool = False,
        parent: ChatMessage | None = None,
    ) -> ChatMessage:
        """Write what somebody said, in answer to *parent*."""
        return await self._write(
            tx, room, actor, kind=COMMENT, text=text, reference_id=reference_id, silent=silent, parent=parent
        )

    async def system(
        self, tx: WriteSession, room: Room, actor: ActorRef, key: str, **parameters: Any
    ) -> ChatMessage:
        """Write what happened: *key* is a system message such as ``recording_started``."""
        return await self._write(tx, room, actor, kind=SYSTEM, text=key, parameters=parameters)

    async def file(
        self,
        tx: WriteSession,
        room: Room,
        actor: ActorRef,
        parameters: dict[str, Any],
        *,
        text: str = "{file}",
        reference_id: str = "",
        silent: bool = False,
        parent: ChatMessage | None = None,
    ) -> ChatMessage:
        """Write that a file was shared; *text* is its caption.

        *parameters* are stored as they are and must hold ``messageType``, such as ``record-video``; the
        file hook reads the rest when the message is shown.
        """
        return await self._write(
            tx,
            room,
            actor,
            kind=FILE,
            text=text,
            parameters=parameters,
            reference_id=reference_id,
            silent=silent,
            parent=parent,
        )

    async def delete(
        self, tx: WriteSession, room: Room, actor: ActorRef, message: ChatMessage
    ) -> ChatMessage:
        """Take *message* back: what it said is forgotten. Returns the message that tells so."""
        message.kind, message.message, message.parameters = DELETED, "", {"by": named(actor)}
        return await self._write(tx, room, actor, kind=SYSTEM, text="message_deleted", parent=message)

    async def _write(
        self,
        tx: WriteSession,
        room: Room,
        actor: ActorRef,
        *,
        kind: str,
        text: str,
        parameters: dict[str, Any] | None = None,
        reference_id: str = "",
        silent: bool = False,
        parent: ChatMessage | None = None,
    ) -> ChatMessage:
        message = ChatMessage(
            room_id=room.id,
            actor_type=actor.type,
            actor_id=actor.id,
            actor_name=actor.name,
            kind=kind,
            message=text,
            parameters=parameters or {},
            reference_id=reference_id,
            silent=silent,
            created_at=utc_now(),
            parent_id=parent.id if parent else None,
            thread_id=parent.thread_id or parent.id if parent else None,
        )
        if kind != SYSTEM and room.message_expiration_s:
            message.expires_at = message.created_at + timedelta(seconds=room.message_expiration_s)
        tx.add(message)
        await tx.flush()
        room.last_message_id = message.id
        room.last_activity = message.created_at
        tx.notice(CHAT, str(room.id))
        await self._signals.chat_refresh(tx, room)
        return message


async def find_message(session: AsyncSession, room: Room, message_id: int) -> ChatMessage | None:
    """Return the message with this id, if it is one of *room*."""
    message = await session.get(ChatMessage, message_id)
    return message if message is not None and message.room_id == room.id else None


async def forget_expired(db: Database) -> None:
    """Delete the messages whose time has come."""
    due = ChatMessage.expires_at <= utc_now()
    async with db.read() as session:
        if await session.scalar(select(ChatMessage.id).where(due).limit(1)) is None:
            return
    async with db.write() as tx:
        await tx.execute(delete(ChatMessage).where(due))
