"""Registered people: creating, changing and removing them."""

import re
from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from callrec.conversation.consent import forget_consents
from callrec.conversation.core import Core
from callrec.conversation.db.tables_rooms import Attendee, Room
from callrec.conversation.db.tables_users import AppToken, User, WebSession
from callrec.conversation.groups import add_member
from callrec.conversation.membership import remove_attendee
from callrec.conversation.ocs.authentication import find_user
from callrec.conversation.ocs.errors import OcsError, refusal
from callrec.conversation.one_to_one import turn_into_former
from callrec.conversation.participants import USERS, Participant
from callrec.conversation.passwords import MAX_PASSWORD_CHARS
from callrec.conversation.rooms import delete_room_if_empty

ADMIN = "admin"
MAX_NAME_CHARS = 255

_USER_ID = re.compile(r"[A-Za-z0-9 _.@'-]{1,64}")


def checked_user_id(value: str) -> str:
    """Return *value* if it may be a user id.

    Raises:
        OcsError: 400 ``userid``: other characters, too long, blanks at an end, only dots.
    """
    if not _USER_ID.fullmatch(value) or value != value.strip() or not value.strip("."):
        raise refusal("userid")
    return value


def checked_password(value: str) -> str:
    """Return *value* if it may be a password.

    Raises:
        OcsError: 400 ``password``: empty or longer than 469 characters.
    """
    if not 0 < len(value) <= MAX_PASSWORD_CHARS:
        raise refusal("password")
    return value


def checked_name(value: str, field: str) -> str:
    """Return *value* without blanks at its ends if it fits the database.

    Raises:
        OcsError: 400 with the name of *field* when it is longer than 255 characters.
    """
    name = value.strip()
    if len(name) > MAX_NAME_CHARS:
        raise refusal(field)
    return name


async def create_user(
    core: Core,
    user_id: str,
    password: str,
    *,
    display_name: str = "",
    email: str | None = None,
    is_admin: bool = False,
    groups: Sequence[str] = (),
) -> None:
    """Create a user.

    Raises:
        OcsError: 400 naming what is wrong; an id that exists in any case has the OCS code 102. 404 for a
            group that does not exist.
    """
    checked_user_id(user_id)
    name = checked_name(display_name, "displayName") or user_id
    address = checked_name(email or "", "email") or None
    password_hash = await core.passwords.hash(checked_password(password))
    async with core.db.write() as tx:
        if await find_user(tx, user_id) is not None:
            raise OcsError(400, [], message="User already exists", code=102)
        tx.add(
            User(
                id=user_id,
                display_name=name,
                email=address,
                password_hash=password_hash,
                is_admin=is_admin,
            )
        )
        await tx.flush()
        for group_id in groups:
            await add_member(tx, group_id, user_id)


async def ensure_admin(core: Core) -> bool:
    """Create the user ``admin`` at the first start. False: it was there, and keeps its password."""
    async with core.db.read() as session:
        if await session.get(User, ADMIN) is not None:
            return False
    password_hash = await core.passwords.hash(core.config.admin_password)
    async with core.db.write() as tx:
        if await tx.get(User, ADMIN) is not None:
            return False  # another server process was faster
        tx.add(User(id=ADMIN, display_name="Admin", email=None, password_hash=password_hash, is_admin=True))
    return True


async def change_user(core: Core, user_id: str, key: str, value: str) -> None:
    """Set ``displayname``, ``email`` or ``password``. A new password ends sessions and app passwords.

    Raises:
        OcsError: 404 unknown user, 400 ``key`` or the name of what is wrong.
    """
    if key not in ("displayname", "display", "email", "password"):
        raise refusal("key")
    password_hash = await core.passwords.hash(checked_password(value)) if key == "password" else ""
    async with core.db.write() as tx:
        user = await require_user(tx, user_id)
        if key == "password":
            user.password_hash = password_hash
            await tx.execute(delete(WebSession).where(WebSession.user_id == user.id))
            await tx.execute(delete(AppToken).where(AppToken.user_id == user.id))
        elif key == "email":
            user.email = checked_name(value, "email") or None
        else:
            user.display_name = checked_name(value, "displayname") or user.id
            mine = select(Attendee).where(Attendee.actor_type == USERS, Attendee.actor_id == user.id)
            for attendee in await tx.scalars(mine):
                attendee.display_name = user.display_name


async def delete_user(core: Core, user_id: str) -> None:
    """Remove a user from every room, end his calls, forget his credentials.

    Raises:
        OcsError: 404 unknown user, 400 ``userid`` for the last administrator.
    """
    async with core.db.write() as tx:
        user = await require_user(tx, user_id)
        others = select(User).where(User.is_admin, User.id != user.id).limit(1)
        if user.is_admin and await tx.scalar(others) is None:
            raise refusal("userid")
        rows = await tx.execute(
            select(Attendee, Room)
            .join(Room, Room.id == Attendee.room_id)
            .where(Attendee.actor_type == USERS, Attendee.actor_id == user.id)
        )
        for attendee, room in rows.all():
            await remove_attendee(core, tx, Participant(room, attendee, None))
            await delete_room_if_empty(core, tx, room)
        await turn_into_former(core, tx, user)
        await forget_consents(tx, USERS, user.id)
        await tx.delete(user)


async def require_user(session: AsyncSession, user_id: str) -> User:
    """Return the user.

    Raises:
        OcsError: 404 when there is none.
    """
    user = await session.get(User, user_id)
    if user is None:
        raise OcsError(404, [], message="User does not exist")
    return user


def public_view(user: User) -> dict[str, Any]:
    """Return what any user may see of *user*."""
    return {"id": user.id, "displayname": user.display_name, "display-name": user.display_name}


def full_view(user: User, groups: Sequence[str]) -> dict[str, Any]:
    """Return what *user* himself and administrators see."""
    return {
        "id": user.id,
        "enabled": True,
        "displayname": user.display_name,
        "display-name": user.display_name,
        "email": user.email,
        "quota": {"free": -3, "used": 0, "total": -3, "relative": 0, "quota": "none"},
        "groups": [*(["admin"] if user.is_admin else []), *groups],
        "language": "en",
        "locale": "en",
    }
