"""Bringing others into a room: a user, or those who are in a group now (docs/wire.md, Participants)."""

from callrec.conversation.core import Core
from callrec.conversation.db.engine import WriteSession
from callrec.conversation.db.tables_users import Group, User
from callrec.conversation.groups import members_of
from callrec.conversation.membership import add_group, add_user
from callrec.conversation.ocs.errors import refusal
from callrec.conversation.participants import Participant
from callrec.wire.constants import RoomType

_NOT_OFFERED = {"federated_users": "federation", "phones": "sip"}


async def invite(core: Core, tx: WriteSession, moderator: Participant, who: str, *, source: str) -> None:
    """Make *who* attendees of the room: a user's id, or a group's where *source* is ``groups``.

    Raises:
        OcsError: 400 ``room-type`` in a room that takes nobody, 501 ``federation``, ``sip``, 404
            ``new-participant`` when there is no such user or group, 400 ``source``.
    """
    room, actor = moderator.room, moderator.actor
    if room.type not in (RoomType.GROUP, RoomType.PUBLIC):
        raise refusal("room-type")
    if source in _NOT_OFFERED:
        raise refusal(_NOT_OFFERED[source], 501)
    if source == "groups":
        if await tx.get(Group, who) is None:
            raise refusal("new-participant", 404)
        await add_group(core, tx, room, actor, group_id=who, members=await members_of(tx, who))
    elif source == "users":
        user = await tx.get(User, who)
        if user is None:
            raise refusal("new-participant", 404)
        await add_user(core, tx, room, user, actor)
    else:
        raise refusal("source")
