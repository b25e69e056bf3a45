"""Who may use the routes of a room, in the form in which a route names it (docs/wire.md, OCS envelope)."""

from sqlalchemy.ext.asyncio import AsyncSession

from callrec.conversation.ocs.router import OcsRequest
from callrec.conversation.participants import (
    Participant,
    refuse_lobby,
    refuse_read_only,
    refuse_without,
    require_moderator,
    require_participant,
    require_user_moderator,
)
from callrec.wire.constants import Permission


async def participant(_context: object, session: AsyncSession, ocs: OcsRequest) -> Participant:
    """Let those pass who are in the room.

    Raises:
        OcsError: 404.
    """
    return await require_participant(session, ocs.token, ocs.caller)


async def chat_reader(_context: object, session: AsyncSession, ocs: OcsRequest) -> Participant:
    """Let those pass who may read the chat.

    Raises:
        OcsError: 404, 412 in the lobby.
    """
    me = await require_participant(session, ocs.token, ocs.caller)
    refuse_lobby(me)
    return me


async def chat_writer(_context: object, session: AsyncSession, ocs: OcsRequest) -> Participant:
    """Let those pass who may write in the chat.

    Raises:
        OcsError: 404, 403 in a read-only room, 412 in the lobby, 403 without permission.
    """
    me = await require_participant(session, ocs.token, ocs.caller)
    refuse_read_only(me)
    refuse_lobby(me)
    refuse_without(me, Permission.CHAT)
    return me


async def moderator(_context: object, session: AsyncSession, ocs: OcsRequest) -> Participant:
    """Let moderators pass, guest moderators included.

    Raises:
        OcsError: 404, 403.
    """
    return await require_moderator(session, ocs.token, ocs.caller)


async def user_moderator(_context: object, session: AsyncSession, ocs: OcsRequest) -> Participant:
    """Let owners and moderators pass; guest moderators do not count.

    Raises:
        OcsError: 404, 403.
    """
    return await require_user_moderator(session, ocs.token, ocs.caller)
