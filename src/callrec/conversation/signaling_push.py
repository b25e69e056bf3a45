"""The objects that are pushed to the signaling server (docs/wire.md, Room requests; key order matters)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from callrec.conversation.db.engine import WriteSession
from callrec.conversation.db.tables_rooms import Attendee, Room, Session
from callrec.conversation.participants import USERS
from callrec.conversation.permissions import lobby_of
from callrec.conversation.room_state import in_call_content, participants_content
from callrec.conversation.signaling_outbox import SignalingOutbox
from callrec.wire.constants import RoomType


def date_object(moment: datetime | None) -> dict[str, Any] | None:
    """Return a date in the form of PHP's DateTime, of whole seconds as everywhere else on the wire."""
    if moment is None:
        return None
    return {"date": moment.strftime("%Y-%m-%d %H:%M:%S.000000"), "timezone_type": 3, "timezone": "UTC"}


def room_properties(room: Room) -> dict[str, Any]:
    """Return the room's properties as any stranger may see them."""
    return {
        "name": room.name if room.type == RoomType.PUBLIC else "Private conversation",
        "type": room.type,
        "lobby-state": lobby_of(room),
        "lobby-timer": date_object(room.lobby_timer),
        "read-only": room.read_only,
        "listable": room.listable,
        "active-since": date_object(room.active_since),
        "sip-enabled": 0,
    }


async def user_ids(session: AsyncSession, room: Room) -> list[str]:
    """Return the ids of the users who belong to *room*."""
    query = select(Attendee.actor_id).where(Attendee.room_id == room.id, Attendee.actor_type == USERS)
    return list(await session.scalars(query.order_by(Attendee.id)))


class RoomSignals:
    """What is pushed when something about a room changes. Every method queues for after the commit."""

    def __init__(self, outbox: SignalingOutbox) -> None:
        self._outbox = outbox

    async def chat_refresh(self, tx: WriteSession, room: Room) -> None:
        """There is a new message."""
        await self._message(tx, room, {"type": "chat", "chat": {"refresh": True}})

    async def recording_status(self, tx: WriteSession, room: Room) -> None:
        """The recording's status was set: tell it, then the room's properties."""
        await self.recording_status_again(tx, room)
        await self.updated(tx, room)

    async def recording_status_again(self, tx: WriteSession, room: Room) -> None:
        """Tell the recording's status, which is as it was."""
        await self._message(tx, room, {"type": "recording", "recording": {"status": room.call_recording}})

    async def updated(self, tx: WriteSession, room: Room) -> None:
        """Properties of the room changed."""
        properties = {**room_properties(room), "description": room.description}
        await self._push(tx, room, "update", {"userids": await user_ids(tx, room), "properties": properties})

    async def invited(self, tx: WriteSession, room: Room, invited: Sequence[str]) -> None:
        """Users were added to the room."""
        content = {"userids": list(invited), "alluserids": await user_ids(tx, room)}
        await self._push(tx, room, "invite", {**content, "properties": _refreshing(room)})

    async def disinvited(self, tx: WriteSession, room: Room, removed: Sequence[str]) -> None:
        """Users were removed from the room."""
        content = {"userids": list(removed), "alluserids": await user_ids(tx, room)}
        await self._push(tx, room, "disinvite", {**content, "properties": _refreshing(room)})

    async def sessions_ended(self, tx: WriteSession, room: Room, session_ids: Sequence[str]) -> None:
        """Sessions left the room, or were put out of it."""
        content = {"sessionids": list(session_ids), "alluserids": await user_ids(tx, room)}
        await self._push(tx, room, "disinvite", {**content, "properties": _refreshing(room)})

    async def participants_changed(self, tx: WriteSession, room: Room, attendee_ids: Sequence[int]) -> None:
        """Role, permissions or name of attendees changed."""
        await self._push(tx, room, "participants", await participants_content(tx, room, attendee_ids))

    async def in_call_changed(
        self, tx: WriteSession, room: Room, changed: Sequence[tuple[Attendee, Session]], *, wait: bool = True
    ) -> None:
        """The call flags of *changed* are different now."""
        await self._push(tx, room, "incall", await in_call_content(tx, room, changed), wait=wait)

    async def call_ended_for_all(self, tx: WriteSession, room: Room) -> None:
        """Everybody was put out of the call."""
        await self._push(tx, room, "incall", {"incall": 0, "all": True})

    async def deleted(self, tx: WriteSession, room: Room) -> None:
        """The room is going to be deleted in this transaction."""
        await self._push(tx, room, "delete", {"userids": await user_ids(tx, room)})

    async def _message(self, tx: WriteSession, room: Room, data: dict[str, Any]) -> None:
        await self._push(tx, room, "message", {"data": data})

    async def _push(
        self, tx: WriteSession, room: Room, kind: str, content: dict[str, Any], *, wait: bool = True
    ) -> None:
        await self._outbox.add(tx, room.token, {"type": kind, kind: content}, wait=wait)


def _refreshing(room: Room) -> dict[str, Any]:
    return {**room_properties(room), "participant-list": "refresh"}
