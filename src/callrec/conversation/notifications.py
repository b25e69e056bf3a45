"""What users are told about recordings and calls, and how it reads (docs/wire.md, Notifications).

Texts are made when they are read, from what is stored, so they show the names of that moment.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, delete, exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from callrec.conversation.db.tables_recordings import Node, Notification
from callrec.conversation.db.tables_rooms import Attendee, Room
from callrec.wire.constants import RoomType

FILE_STORED = "record_file_stored"
STORE_FAILED = "record_file_store_fail"
TRANSCRIPT_STORED, TRANSCRIPT_FAILED = "transcript_file_stored", "transcript_failed"
SUMMARY_STORED, SUMMARY_FAILED = "summary_file_stored", "summary_failed"
CALL = "call"

STORED = (FILE_STORED, TRANSCRIPT_STORED, SUMMARY_STORED)
"""A file is there: it can be shared, and the notification be dismissed."""

APP = "spreed"
_OBJECT_TYPE = {STORE_FAILED: "recording_information", CALL: "call"}
_RECORDING = "recording"
"""The object type of all others."""
_SUBJECT = {
    FILE_STORED: "Call recording now available",
    STORE_FAILED: "Failed to upload call recording",
    TRANSCRIPT_STORED: "Transcript now available",
    TRANSCRIPT_FAILED: "Failed to transcript call recording",
    SUMMARY_STORED: "Call summary now available",
    SUMMARY_FAILED: "Failed to summarize call recording",
}
_UPLOADED = "The {what} for the call in {{call}} was uploaded to {{file}}."
_NOT_MADE = (
    "The server failed to {what} the recording at {{file}} for the call in {{call}}. "
    "Please reach out to the administration."
)
_MESSAGE = {
    FILE_STORED: _UPLOADED.format(what="recording"),
    STORE_FAILED: "The server could not store the recording of the call in {call}.",
    TRANSCRIPT_STORED: _UPLOADED.format(what="transcript"),
    TRANSCRIPT_FAILED: _NOT_MADE.format(what="transcript"),
    SUMMARY_STORED: _UPLOADED.format(what="summary"),
    SUMMARY_FAILED: _NOT_MADE.format(what="summarize"),
}
_CALL_TYPE = {RoomType.ONE_TO_ONE: "one2one", RoomType.GROUP: "group", RoomType.PUBLIC: "public"}


@dataclass(frozen=True)
class Told:
    """One notification with what it speaks of."""

    notification: Notification
    room: Room
    node: Node | None


def add(
    session: AsyncSession, *, user_id: str, subject: str, room_id: int, node_id: int | None = None
) -> None:
    """Tell *user_id* about *subject* as soon as the transaction is committed."""
    session.add(Notification(user_id=user_id, subject=subject, room_id=room_id, node_id=node_id))


async def has_unread(session: AsyncSession, *, user_id: str, subject: str, room_id: int) -> bool:
    """Tell whether *user_id* still has such a notification."""
    query = select(Notification.id).where(
        Notification.user_id == user_id, Notification.subject == subject, Notification.room_id == room_id
    )
    return await session.scalar(query.limit(1)) is not None


async def listed(session: AsyncSession, user_id: str) -> list[Told]:
    """Return the notifications of *user_id*, newest first."""
    rows = await session.execute(
        select(Notification, Room, Node)
        .join(Room, Room.id == Notification.room_id)
        .outerjoin(Node, Node.id == Notification.node_id)
        .where(Notification.user_id == user_id, _takes_part(user_id))
        .order_by(Notification.id.desc())
    )
    return [Told(notification, room, node) for notification, room, node in rows]


async def has_of_left_rooms(session: AsyncSession, user_id: str) -> bool:
    """Tell whether *user_id* has notifications about rooms that he is no longer in."""
    query = select(Notification.id).where(Notification.user_id == user_id, ~_takes_part(user_id))
    return await session.scalar(query.limit(1)) is not None


async def forget_left_rooms(session: AsyncSession, user_id: str) -> None:
    """Delete notifications about rooms that *user_id* is no longer in: they do not come back."""
    await session.execute(delete(Notification).where(Notification.user_id == user_id, ~_takes_part(user_id)))


async def existing(session: AsyncSession, user_id: str, ids: Collection[int]) -> list[int]:
    """Return those of *ids* that are notifications of *user_id*."""
    mine = select(Notification.id).where(Notification.user_id == user_id, _takes_part(user_id))
    return list(await session.scalars(mine.where(Notification.id.in_(ids)).order_by(Notification.id)))


async def delete_one(session: AsyncSession, user_id: str, notification_id: int) -> None:
    """Delete one notification of *user_id*, if it is there."""
    await session.execute(
        delete(Notification).where(Notification.user_id == user_id, Notification.id == notification_id)
    )


async def delete_all(session: AsyncSession, user_id: str) -> None:
    """Delete all notifications of *user_id*."""
    await session.execute(delete(Notification).where(Notification.user_id == user_id))


async def dismiss(session: AsyncSession, user_id: str, room_id: int, timestamp_s: int) -> None:
    """Delete what *user_id* was told about stored files of a room at *timestamp_s* (Unix time).

    When there is nothing of that second, all of that room goes: a wrong clock leaves nothing behind.
    """
    of_room = (
        Notification.user_id == user_id,
        Notification.room_id == room_id,
        Notification.subject.in_(STORED),
    )
    try:
        moment = datetime.fromtimestamp(timestamp_s, UTC)
        at_that_time = (
            Notification.created_at >= moment,
            Notification.created_at < moment + timedelta(seconds=1),
        )
        found = await session.scalars(
            delete(Notification).where(*of_room, *at_that_time).returning(Notification.id)
        )
    except (ValueError, OverflowError, OSError):  # no time that a calendar knows
        await session.execute(delete(Notification).where(*of_room))
    else:
        if not found.all():
            await session.execute(delete(Notification).where(*of_room))


async def dismiss_file(session: AsyncSession, user_id: str, node_id: int) -> None:
    """Delete what *user_id* was told about the arrival of the file *node_id*."""
    await session.execute(
        delete(Notification).where(
            Notification.user_id == user_id,
            Notification.node_id == node_id,
            Notification.subject.in_(STORED),
        )
    )


def render(told: Told, *, room_name: str, public_url: str) -> dict[str, Any]:
    """Return the notification as clients read it; *room_name* is the room's name for its reader."""
    row, room, node = told.notification, told.room, told.node
    call = {
        "type": "call",
        "id": str(room.id),
        "name": room_name,
        "call-type": _CALL_TYPE.get(RoomType(room.type), "group"),
        "icon-url": f"{public_url}/ocs/v2.php/apps/spreed/api/v1/room/{room.token}/avatar",
    }
    if row.subject == CALL:
        template = _call_subject(row, room)
        subject = template.replace("{call}", room_name)
        return _view(row, room, public_url, subject=(subject, template, {"call": call}))
    parameters: dict[str, dict[str, str]] = {"call": call}
    message = _MESSAGE[row.subject].replace("{call}", room_name)
    actions: list[dict[str, Any]] = []
    if node is not None:
        parameters["file"] = {
            "type": "file",
            "id": str(node.id),
            "name": node.name,
            "path": f"/{node.path}",
            "link": f"{public_url}/index.php/f/{node.id}",
        }
        # The name of the room may itself contain {file}: split before anything is put in.
        head, _, tail = (
            part.replace("{call}", room_name) for part in _MESSAGE[row.subject].partition("{file}")
        )
        message = f"{head}/{node.path}{tail}"
        if row.subject in STORED:
            actions = _actions(public_url, room.token, node.id, int(row.created_at.timestamp()))
    return _view(
        row,
        room,
        public_url,
        subject=(_SUBJECT[row.subject], _SUBJECT[row.subject], {}),
        message=(message, _MESSAGE[row.subject], parameters),
        actions=actions,
    )


_Rich = tuple[str, str, Mapping[str, Mapping[str, str]]]
"""Plain text, text with placeholders, what the placeholders stand for."""


def _view(
    row: Notification,
    room: Room,
    public_url: str,
    *,
    subject: _Rich,
    message: _Rich = ("", "", {}),
    actions: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    return {
        "notification_id": row.id,
        "app": APP,
        "user": row.user_id,
        "datetime": row.created_at.replace(microsecond=0).isoformat(),
        "object_type": _OBJECT_TYPE.get(row.subject, _RECORDING),
        "object_id": room.token,
        "subject": subject[0],
        "message": message[0],
        "link": f"{public_url}/index.php/call/{room.token}",
        "subjectRich": subject[1],
        "subjectRichParameters": subject[2] or [],
        "messageRich": message[1],
        "messageRichParameters": message[2] or [],
        "icon": f"{public_url}/apps/spreed/img/app-dark.svg",
        "shouldNotify": True,
        "actions": list(actions),
    }


def _call_subject(row: Notification, room: Room) -> str:
    runs = room.active_since is not None and room.active_since <= row.created_at
    if room.type == RoomType.ONE_TO_ONE:
        return "{call} would like to talk with you" if runs else "You missed a call from {call}"
    return "A group call has started in {call}" if runs else "You missed a group call in {call}"


def _actions(public_url: str, token: str, file_id: int, timestamp_s: int) -> list[dict[str, Any]]:
    base = f"{public_url}/ocs/v2.php/apps/spreed/api/v1/recording/{token}"
    return [
        {
            "label": "Share to chat",
            "link": f"{base}/share-chat?fileId={file_id}&timestamp={timestamp_s}",
            "type": "POST",
            "primary": True,
        },
        {
            "label": "Dismiss notification",
            "link": f"{base}/notification?timestamp={timestamp_s}",
            "type": "DELETE",
            "primary": False,
        },
    ]


def _takes_part(user_id: str) -> ColumnElement[bool]:
    return exists().where(
        Attendee.room_id == Notification.room_id,
        Attendee.actor_type == "users",
        Attendee.actor_id == user_id,
    )
