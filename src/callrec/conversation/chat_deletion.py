"""Taking messages back: who may, and what goes with them (docs/wire.md, Chat)."""

from callrec.conversation import shares
from callrec.conversation.chat import FILE, SAID, find_message
from callrec.conversation.core import Core
from callrec.conversation.db.engine import WriteSession
from callrec.conversation.db.tables_chat import ChatMessage
from callrec.conversation.ocs.errors import refusal
from callrec.conversation.participants import Participant
from callrec.wire.constants import RoomType

_OF_TWO = (RoomType.ONE_TO_ONE, RoomType.FORMER_ONE_TO_ONE)


async def delete_message(core: Core, tx: WriteSession, me: Participant, message_id: int) -> ChatMessage:
    """Take back a message of the room, a file's share with it. Returns the message that tells so.

    Raises:
        OcsError: ``message`` with 404 when there is none, 403 when he may not, 405 when nobody has said it.
    """
    message = await find_message(tx, me.room, message_id)
    if message is None:
        raise refusal("message", 404)
    if not _may_delete(me, message):
        raise refusal("message", 403)
    if message.kind not in SAID:
        raise refusal("message", 405)
    if message.kind == FILE:
        await shares.end(tx, me.room.id, message.parameters.get("shareId"))
    return await core.chat.delete(tx, me.room, me.actor, message)


def _may_delete(me: Participant, message: ChatMessage) -> bool:
    """What one has said oneself; a moderator what anybody has said, but not in a room of two."""
    is_author = (message.actor_type, message.actor_id) == (me.attendee.actor_type, me.attendee.actor_id)
    return is_author or (me.is_moderator and me.room.type not in _OF_TWO)
