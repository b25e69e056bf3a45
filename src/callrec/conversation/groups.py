"""Groups of users, which are invited at once."""

from collections.abc import Sequence

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from callrec.conversation.db.engine import WriteSession
from callrec.conversation.db.tables_users import Group, GroupMember, User
from callrec.conversation.ocs.errors import OcsError, refusal

MAX_GROUP_CHARS = 64


async def groups_of(session: AsyncSession, user_id: str) -> Sequence[str]:
    """Return the ids of a user's groups."""
    query = select(GroupMember.group_id).where(GroupMember.user_id == user_id).order_by(GroupMember.group_id)
    return (await session.scalars(query)).all()


async def members_of(session: AsyncSession, group_id: str) -> Sequence[User]:
    """Return the members of a group."""
    query = select(User).join(GroupMember, GroupMember.user_id == User.id)
    return (await session.scalars(query.where(GroupMember.group_id == group_id).order_by(User.id))).all()


async def all_groups(session: AsyncSession, search: str) -> Sequence[str]:
    """Return the ids of all groups with *search* in them."""
    ids = (await session.scalars(select(Group.id).order_by(Group.id))).all()
    return [each for each in ids if search.lower() in each.lower()]


async def create_group(tx: WriteSession, group_id: str) -> None:
    """Create a group.

    Raises:
        OcsError: 400 ``groupid`` when it is empty, too long or has a slash; 400 with code 102 when it exists.
    """
    if not 0 < len(group_id) <= MAX_GROUP_CHARS or "/" in group_id or group_id != group_id.strip():
        raise refusal("groupid")
    if await tx.get(Group, group_id) is not None:
        raise OcsError(400, [], message="Group already exists", code=102)
    tx.add(Group(id=group_id))
    await tx.flush()


async def delete_group(tx: WriteSession, group_id: str) -> None:
    """Delete a group; its members stay where they were invited to.

    Raises:
        OcsError: 404 unknown group.
    """
    await tx.delete(await require_group(tx, group_id))


async def add_member(tx: WriteSession, group_id: str, user_id: str) -> None:
    """Put a user into a group; again changes nothing.

    Raises:
        OcsError: 404 unknown group.
    """
    await require_group(tx, group_id)
    if await tx.get(GroupMember, (group_id, user_id)) is None:
        tx.add(GroupMember(group_id=group_id, user_id=user_id))
        await tx.flush()


async def remove_member(tx: WriteSession, group_id: str, user_id: str) -> None:
    """Take a user out of a group.

    Raises:
        OcsError: 404 unknown group.
    """
    await require_group(tx, group_id)
    await tx.execute(
        delete(GroupMember).where(GroupMember.group_id == group_id, GroupMember.user_id == user_id)
    )


async def require_group(session: AsyncSession, group_id: str) -> Group:
    """Return the group.

    Raises:
        OcsError: 404 when there is none.
    """
    group = await session.get(Group, group_id)
    if group is None:
        raise OcsError(404, [], message="Group does not exist")
    return group
