"""One message of the chat: what was said around it, and taking it back."""

import msgspec

from callrec.conversation import guards, shares
from callrec.conversation.chat import FILE, SAID, find_message
from callrec.conversation.chat_reading import common_read_header, future, history
from callrec.conversation.chat_view import render_messages
from callrec.conversation.core import Core
from callrec.conversation.db.tables_chat import ChatMessage
from callrec.conversation.ocs.envelope import Answer
from callrec.conversation.ocs.errors import refusal
from callrec.conversation.ocs.router import Access, OcsRequest, OcsRouter
from callrec.conversation.participants import Participant
from callrec.conversation.routes.chat import page_of
from callrec.wire.constants import RoomType

router: OcsRouter[Core] = OcsRouter("/apps/spreed/api/v1")

MAX_AROUND = 100
MESSAGE = "/chat/{token:room_token}/{message:int}"
_OF_TWO = (RoomType.ONE_TO_ONE, RoomType.FORMER_ONE_TO_ONE)


class Around(msgspec.Struct):
    """How many messages before, and how many after it."""

    limit: int = 50


@router.route(
    "GET",
    f"{MESSAGE}/context",
    access=Access.PUBLIC,
    guard=guards.chat_reader,
    reads=Around,
    refuses={404: ("message",)},
)
async def context(core: Core, ocs: OcsRequest) -> Answer:
    """Show a message with what was said before and after, oldest first."""
    limit = max(1, min(MAX_AROUND, (await ocs.read(Around)).limit))
    async with core.db.read() as session:
        me = await guards.chat_reader(core, session, ocs)
        message = await find_message(session, me.room, int(ocs.path("message")))
        if message is None:
            raise refusal("message", 404)
        older = await history(session, me.room, before=message.id, limit=limit, include_last_known=False)
        newer = await future(session, me.room, after=message.id, limit=limit, include_last_known=False)
        return await page_of(core, session, ocs, me, [*reversed(older), message, *newer])


@router.route(
    "DELETE",
    MESSAGE,
    access=Access.PUBLIC,
    guard=guards.chat_writer,
    refuses={403: ("message",), 404: ("message",), 405: ("message",)},
)
async def delete(core: Core, ocs: OcsRequest) -> Answer:
    """Take back what one has said, or, as a moderator, what anybody has said."""
    async with core.db.write() as tx:
        me = await guards.chat_writer(core, tx, ocs)
        message = await find_message(tx, me.room, int(ocs.path("message")))
        if message is None:
            raise refusal("message", 404)
        if not _may_delete(me, message):
            raise refusal("message", 403)
        if message.kind not in SAID:
            raise refusal("message", 405)
        if message.kind == FILE:
            await shares.end(tx, me.room.id, message.parameters.get("shareId"))
        told = await core.chat.delete(tx, me.room, me.actor, message)
        tokens = {me.room.id: me.room.token}
        (shown,) = await render_messages(core, tx, [told], viewer=ocs.caller, participant=me, tokens=tokens)
        return Answer(shown, headers=await common_read_header(tx, me))


def _may_delete(me: Participant, message: ChatMessage) -> bool:
    is_author = (message.actor_type, message.actor_id) == (me.attendee.actor_type, me.attendee.actor_id)
    return is_author or (me.is_moderator and me.room.type not in _OF_TWO)
