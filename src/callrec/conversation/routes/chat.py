"""The chat of a room: reading, waiting, writing."""

import asyncio
from collections.abc import Sequence

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from callrec.conversation import guards
from callrec.conversation.capabilities import MAX_CHAT_CHARS
from callrec.conversation.chat import SAID, find_message
from callrec.conversation.chat_reading import (
    COMMON_READ,
    common_read_header,
    future,
    history,
    mark_read,
    wait_for,
)
from callrec.conversation.chat_view import render_messages
from callrec.conversation.core import Core
from callrec.conversation.db.tables_chat import ChatMessage
from callrec.conversation.membership import MAX_GUEST_NAME_CHARS, name_guest
from callrec.conversation.ocs.described import OBJECTS, keys
from callrec.conversation.ocs.envelope import Answer
from callrec.conversation.ocs.errors import OcsError, refusal
from callrec.conversation.ocs.router import Access, OcsRequest, OcsRouter
from callrec.conversation.one_to_one import fill
from callrec.conversation.participants import GUESTS, Participant, refuse_lobby, require_participant
from callrec.conversation.sessions import is_stale, ping

router: OcsRouter[Core] = OcsRouter("/apps/spreed/api/v1")

MAX_TIMEOUT_S = 30
MAX_PAGE = 200
MAX_REFERENCE_CHARS = 64


class Read(msgspec.Struct):
    """What to read, and how long to wait for it (``timeout`` in seconds)."""

    lookIntoFuture: int  # noqa: N815 - the parameter's name on the wire
    limit: int = 100
    lastKnownMessageId: int = 0  # noqa: N815 - the parameter's name on the wire
    lastCommonReadId: int = 0  # noqa: N815 - the parameter's name on the wire
    timeout: int = MAX_TIMEOUT_S
    setReadMarker: bool = True  # noqa: N815 - the parameter's name on the wire
    includeLastKnown: bool = False  # noqa: N815 - the parameter's name on the wire
    noStatusUpdate: bool = False  # noqa: N815 - the parameter's name on the wire


class Write(msgspec.Struct):
    """What to say. ``replyTo`` is the id of what it answers; ``actorDisplayName`` names a guest."""

    message: str
    actorDisplayName: str = ""  # noqa: N815 - the parameter's name on the wire
    referenceId: str = ""  # noqa: N815 - the parameter's name on the wire
    replyTo: int = 0  # noqa: N815 - the parameter's name on the wire
    silent: bool = False


@router.route(
    "GET",
    "/chat/{token:room_token}",
    access=Access.PUBLIC,
    guard=guards.participant,
    reads=Read,
    answers=(200, 304),
    data=OBJECTS,
)
async def get_chat(core: Core, ocs: OcsRequest) -> Answer:
    """Answer with older messages, or with new ones as soon as there are any."""
    params = await ocs.read(Read)
    params.limit = max(1, min(MAX_PAGE, params.limit))
    if params.lookIntoFuture != 1:
        return await _history(core, ocs, params)
    loop = asyncio.get_running_loop()
    deadline_s = loop.time() + max(0, min(MAX_TIMEOUT_S, params.timeout))
    room_id = await _show_presence(core, ocs, params)
    while True:
        # Taken before looking: a message written in between wakes us at once.
        new_message = core.chat.new_messages.next(room_id)
        answer = await _future(core, ocs, params)
        remaining_s = deadline_s - loop.time()
        if answer.status != 304 or remaining_s <= 0 or core.chat.new_messages.closed:
            return answer
        if not await wait_for(new_message, ocs.http, remaining_s) and deadline_s > loop.time():
            return answer  # the client has gone away


async def _show_presence(core: Core, ocs: OcsRequest, params: Read) -> int:
    """A poll says that the client lives, and that it has shown what it knows. Returns the room's id."""
    async with core.db.read() as session:
        me = await require_participant(session, ocs.token, ocs.caller)
    if me.session is not None and not params.noStatusUpdate and is_stale(me.session):
        await ping(core, ocs.token, [me.session.session_id])
    refuse_lobby(me)
    if params.setReadMarker:
        await mark_read(core, me, params.lastKnownMessageId)
    return me.room.id


async def _history(core: Core, ocs: OcsRequest, params: Read) -> Answer:
    async with core.db.read() as session:
        me = await guards.chat_reader(core, session, ocs)
        messages = await history(
            session,
            me.room,
            before=params.lastKnownMessageId,
            limit=params.limit,
            include_last_known=params.includeLastKnown,
        )
        return await page_of(core, session, ocs, me, messages)


async def _future(core: Core, ocs: OcsRequest, params: Read) -> Answer:
    async with core.db.read() as session:
        me = await guards.chat_reader(core, session, ocs)
        messages = await future(
            session,
            me.room,
            after=params.lastKnownMessageId,
            limit=params.limit,
            include_last_known=params.includeLastKnown,
        )
        answer = await page_of(core, session, ocs, me, messages)
        if not messages and 0 < params.lastCommonReadId < int(answer.headers.get(COMMON_READ, 0)):
            return Answer([], headers=answer.headers)
    if messages and params.setReadMarker:
        await mark_read(core, me, messages[-1].id)
    return answer


async def page_of(
    core: Core, session: AsyncSession, ocs: OcsRequest, me: Participant, messages: Sequence[ChatMessage]
) -> Answer:
    """Return the answer that shows *messages*; 304 when there are none."""
    headers = await common_read_header(session, me)
    if not messages:
        return Answer(None, 304, headers)
    headers["X-Chat-Last-Given"] = str(messages[-1].id)
    tokens = {me.room.id: me.room.token}
    rendered = await render_messages(
        core, session, messages, viewer=ocs.caller, participant=me, tokens=tokens
    )
    return Answer(rendered, headers=headers)


@router.route(
    "POST",
    "/chat/{token:room_token}",
    access=Access.PUBLIC,
    guard=guards.chat_writer,
    reads=Write,
    answers=(201,),
    data=keys("id", "token", "message", "actorId", "timestamp"),
    refuses={403: ()},
)
async def post_chat(core: Core, ocs: OcsRequest) -> Answer:
    """Say something."""
    params = await ocs.read(Write)
    text, name = params.message.strip(), params.actorDisplayName.strip()
    if not text:
        raise refusal("message")
    if len(text) > MAX_CHAT_CHARS:
        raise OcsError(413, {"error": "message"})
    if len(params.referenceId) > MAX_REFERENCE_CHARS:
        raise refusal("reference-id")
    if len(name) > MAX_GUEST_NAME_CHARS:
        raise refusal("actorDisplayName")
    async with core.db.write() as tx:
        me = await guards.chat_writer(core, tx, ocs)
        parent = await find_message(tx, me.room, params.replyTo) if params.replyTo else None
        if params.replyTo and (parent is None or parent.kind not in SAID):
            raise refusal("reply-to")
        await fill(core, tx, me.room)
        if name and me.attendee.actor_type == GUESTS:
            await name_guest(core, tx, me, name)
        message = await core.chat.comment(
            tx, me.room, me.actor, text, reference_id=params.referenceId, silent=params.silent, parent=parent
        )
        me.attendee.last_read_message = message.id
        await tx.flush()
        tokens = {me.room.id: me.room.token}
        rendered = await render_messages(
            core, tx, [message], viewer=ocs.caller, participant=me, tokens=tokens
        )
    return Answer(rendered[0], 201)
