"""What was shared in a room: all of one kind, or the newest of each."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from callrec.conversation import guards
from callrec.conversation.chat_view import render_messages
from callrec.conversation.core import Core
from callrec.conversation.db.tables_chat import ChatMessage
from callrec.conversation.ocs.envelope import Answer
from callrec.conversation.ocs.router import Access, OcsRequest, OcsRouter
from callrec.conversation.participants import Participant
from callrec.conversation.shared_items import KINDS, shared_items

router: OcsRouter[Core] = OcsRouter("/apps/spreed/api/v1/chat/{token:room_token}/share")

MAX_ITEMS = 200
MAX_OF_EACH = 20


class OfKind(msgspec.Struct, rename="camel"):
    """What to show: ``recording``, ``voice``, ``audio``, ``media`` or ``file``."""

    object_type: str
    last_known_message_id: int = 0
    limit: int = 100


class OfEach(msgspec.Struct):
    """How many of each kind."""

    limit: int = 7


@router.route("GET", "", access=Access.PUBLIC, guard=guards.chat_reader, reads=OfKind)
async def of_kind(core: Core, ocs: OcsRequest) -> Answer:
    """Return what was shared of one kind, newest first, by the id of its message."""
    params = await ocs.read(OfKind)
    limit = max(1, min(MAX_ITEMS, params.limit))
    before = params.last_known_message_id
    async with core.db.read() as session:
        me = await guards.chat_reader(core, session, ocs)
        messages = await shared_items(session, me.room, params.object_type, before=before, limit=limit)
        shown = await _shown(core, session, ocs, me, messages)
    headers = {"X-Chat-Last-Given": str(messages[-1].id)} if messages else {}
    return Answer({str(view["id"]): view for view in shown} or [], headers=headers)


@router.route(
    "GET", "/overview", access=Access.PUBLIC, guard=guards.chat_reader, reads=OfEach, data={"type": "object"}
)
async def overview(core: Core, ocs: OcsRequest) -> Answer:
    """Return the newest of each kind."""
    limit = max(1, min(MAX_OF_EACH, (await ocs.read(OfEach)).limit))
    async with core.db.read() as session:
        me = await guards.chat_reader(core, session, ocs)
        found = {kind: await shared_items(session, me.room, kind, limit=limit) for kind in KINDS}
        return Answer({kind: await _shown(core, session, ocs, me, found[kind]) for kind in KINDS})


async def _shown(
    core: Core, session: AsyncSession, ocs: OcsRequest, me: Participant, messages: Sequence[ChatMessage]
) -> list[dict[str, Any]]:
    tokens = {me.room.id: me.room.token}
    return await render_messages(core, session, messages, viewer=ocs.caller, participant=me, tokens=tokens)
