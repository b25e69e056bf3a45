"""One message of the chat: what was said around it, and taking it back."""

import msgspec

from callrec.conversation import guards
from callrec.conversation.chat import find_message
from callrec.conversation.chat_deletion import delete_message
from callrec.conversation.chat_reading import common_read_header, future, history
from callrec.conversation.chat_view import render_messages
from callrec.conversation.core import Core
from callrec.conversation.ocs.described import OBJECTS, keys
from callrec.conversation.ocs.envelope import Answer
from callrec.conversation.ocs.errors import refusal
from callrec.conversation.ocs.router import Access, OcsRequest, OcsRouter
from callrec.conversation.routes.chat import page_of

router: OcsRouter[Core] = OcsRouter("/apps/spreed/api/v1")

MAX_AROUND = 100
MESSAGE = "/chat/{token:room_token}/{message:int}"


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
    data=OBJECTS,
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
    data=keys("id"),
)
async def delete(core: Core, ocs: OcsRequest) -> Answer:
    """Take back what one has said, or, as a moderator, what anybody has said."""
    async with core.db.write() as tx:
        me = await guards.chat_writer(core, tx, ocs)
        told = await delete_message(core, tx, me, int(ocs.path("message")))
        tokens = {me.room.id: me.room.token}
        (shown,) = await render_messages(core, tx, [told], viewer=ocs.caller, participant=me, tokens=tokens)
        return Answer(shown, headers=await common_read_header(tx, me))
