"""What was shared in a room, by kind (docs/wire.md, Chat)."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, case, select
from sqlalchemy.ext.asyncio import AsyncSession

from callrec.conversation.chat import FILE
from callrec.conversation.db.tables_chat import ChatMessage
from callrec.conversation.db.tables_recordings import Node, RoomShare
from callrec.conversation.db.tables_rooms import Room
from callrec.conversation.shares import RECORDED, VOICE_MESSAGE

KINDS = ("audio", "file", "media", "recording", "voice")


async def shared_items(
    session: AsyncSession, room: Room, kind: str, *, before: int = 0, limit: int
) -> Sequence[ChatMessage]:
    """Return the messages by which things of *kind* were shared and still are, newest first.

    *before*: only those older than this message; 0 for all.
    """
    share_id = ChatMessage.parameters["shareId"].as_integer()
    query = (
        select(ChatMessage)
        .join(RoomShare, RoomShare.id == share_id)
        .join(Node, Node.id == RoomShare.node_id)
        .where(ChatMessage.room_id == room.id, ChatMessage.kind == FILE, _kind() == kind)
    )
    if before > 0:
        query = query.where(ChatMessage.id < before)
    return (await session.scalars(query.order_by(ChatMessage.id.desc()).limit(limit))).all()


def _kind() -> ColumnElement[str]:
    message_type = ChatMessage.parameters["messageType"].as_string()
    return case(
        (message_type == VOICE_MESSAGE, "voice"),
        (message_type.in_(RECORDED), "recording"),
        (Node.media_type.startswith("audio/"), "audio"),
        (Node.media_type.startswith("image/") | Node.media_type.startswith("video/"), "media"),
        else_="file",
    )
