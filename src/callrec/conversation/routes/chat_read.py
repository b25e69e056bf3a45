"""How far one has read in the chat of a room, as one says oneself."""

import msgspec

from callrec.conversation import guards
from callrec.conversation.chat_reading import common_read_header, mark_unread, set_marker
from callrec.conversation.core import Core
from callrec.conversation.db.engine import WriteSession
from callrec.conversation.ocs.described import ROOM
from callrec.conversation.ocs.envelope import Answer
from callrec.conversation.ocs.router import Access, OcsRequest, OcsRouter
from callrec.conversation.participants import Participant, require_participant
from callrec.conversation.room_view import room_view

router: OcsRouter[Core] = OcsRouter("/apps/spreed/api/v1/chat/{token:room_token}")


class Upto(msgspec.Struct, rename="camel"):
    """The last message that was read; without it, everything was."""

    last_read_message: int | None = None


@router.route("POST", "/read", access=Access.PUBLIC, guard=guards.participant, reads=Upto, data=ROOM)
async def read(core: Core, ocs: OcsRequest) -> Answer:
    """Say how far the caller has read."""
    upto = (await ocs.read(Upto)).last_read_message
    async with core.db.write() as tx:
        me = await require_participant(tx, ocs.token, ocs.caller)
        await set_marker(tx, me, upto)
        return await _answer(core, tx, ocs, me)


@router.route("DELETE", "/read", access=Access.PUBLIC, guard=guards.participant, data=ROOM)
async def unread(core: Core, ocs: OcsRequest) -> Answer:
    """Say that the caller has not read the last message."""
    async with core.db.write() as tx:
        me = await require_participant(tx, ocs.token, ocs.caller)
        await mark_unread(tx, me)
        return await _answer(core, tx, ocs, me)


async def _answer(core: Core, tx: WriteSession, ocs: OcsRequest, me: Participant) -> Answer:
    room = await room_view(core, tx, me, ocs.caller)
    return Answer(room, headers=await common_read_header(tx, me))
