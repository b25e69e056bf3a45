"""Files shared with a room: everybody in it may read them, and whoever holds the link."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import ColumnElement, delete, exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from callrec.conversation import files
from callrec.conversation.db.tables_recordings import Node, RoomShare
from callrec.conversation.db.tables_rooms import Attendee, Room
from callrec.conversation.db.tables_users import User

VOICE_MESSAGE = "voice-message"
RECORDED = ("record-audio", "record-video")
"""The ``messageType`` of shared recordings."""


async def share(session: AsyncSession, room_id: int, node_id: int) -> RoomShare | None:
    """Share a file with a room for reading; None when the room has it already."""
    known = await session.scalar(
        select(RoomShare.id).where(RoomShare.room_id == room_id, RoomShare.node_id == node_id)
    )
    if known is not None:
        return None
    row = RoomShare(room_id=room_id, node_id=node_id, share_token=secrets.token_urlsafe(24))
    session.add(row)
    await session.flush()
    return row


async def end(session: AsyncSession, room_id: int, share_id: object) -> None:
    """End a share of a room, if there still is one of this id."""
    if isinstance(share_id, int):
        await session.execute(delete(RoomShare).where(RoomShare.id == share_id, RoomShare.room_id == room_id))


@dataclass(frozen=True)
class Shared:
    """A share with what it joins, and the name of the file's owner."""

    row: RoomShare
    room: Room
    node: Node
    owner_name: str


async def listed(session: AsyncSession, *conditions: ColumnElement[bool]) -> list[Shared]:
    """Return the shares that fulfil *conditions* (over RoomShare, Room and Node), oldest first."""
    rows = await session.execute(
        select(RoomShare, Room, Node, User.display_name)
        .join(Room, Room.id == RoomShare.room_id)
        .join(Node, Node.id == RoomShare.node_id)
        .join(User, User.id == Node.owner_id)
        .where(*conditions)
        .order_by(RoomShare.id)
    )
    return [Shared(row, room, node, name) for row, room, node, name in rows]


def takes_part(user_id: str) -> ColumnElement[bool]:
    """Return the condition that *user_id* is in the room of a share."""
    return exists().where(
        Attendee.room_id == RoomShare.room_id, Attendee.actor_type == "users", Attendee.actor_id == user_id
    )


async def file_of_link(session: AsyncSession, share_token: str) -> Node | None:
    """Return the file behind a link. Links die with the room and with the file."""
    return await session.scalar(
        select(Node).join(RoomShare, RoomShare.node_id == Node.id).where(RoomShare.share_token == share_token)
    )


def message_type(media_type: str) -> str:
    """Return the ``messageType`` of the chat entry of a shared recording."""
    return "record-video" if media_type.startswith("video/") else "record-audio"


async def file_parameters(
    session: AsyncSession, share_ids: Iterable[int], *, viewer: str | None, public_url: str
) -> dict[int, dict[str, str]]:
    """Return per share the chat's ``{file}`` parameter as the user *viewer* sees it, a guest for None.

    All values are text. The path is the one in the viewer's own home; a guest gets the name, and the link
    that opens for everybody. Shares that are gone are left out.
    """
    rows = await session.execute(
        select(RoomShare, Node).join(Node, Node.id == RoomShare.node_id).where(RoomShare.id.in_(share_ids))
    )
    seen: dict[int, files.Entry] = {}
    if viewer is not None:
        seen = {entry.node.id: entry for entry in await files.shared_with(session, viewer)}
    result: dict[int, dict[str, str]] = {}
    for row, node in rows:
        entry = files.Entry(node, node.path) if node.owner_id == viewer else seen.get(node.id)
        result[row.id] = _parameter(node, row.share_token, entry, public_url)
    return result


def _parameter(node: Node, share_token: str, entry: files.Entry | None, public_url: str) -> dict[str, str]:
    path = entry.path if entry else node.name
    link = f"{public_url}/index.php/f/{node.id}" if entry else f"{public_url}/index.php/s/{share_token}"
    return {
        "type": "file",
        "id": str(node.id),
        "name": path.rpartition("/")[2],
        "size": str(node.size_bytes),
        "path": path,
        "link": link,
        "etag": node.etag,
        "permissions": "1",
        "mimetype": node.media_type,
        "preview-available": "no",
        "hide-download": "no",
    }
