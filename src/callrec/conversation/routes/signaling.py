"""Where clients and the recorder find the signaling server."""

from dataclasses import dataclass

import msgspec

from callrec.conversation.core import Core
from callrec.conversation.db.tables_users import WebSession
from callrec.conversation.ocs.envelope import Answer
from callrec.conversation.ocs.errors import OcsError
from callrec.conversation.ocs.router import Access, OcsRequest, OcsRouter
from callrec.conversation.ocs.throttle import RECORDING_SECRET, ROOM_TOKEN
from callrec.conversation.participants import find_participant, find_room
from callrec.conversation.tickets import Tickets
from callrec.wire.checksum import RECORDING_CHECKSUM, RECORDING_RANDOM, verify
from callrec.wire.constants import RoomType


@dataclass(frozen=True)
class SignalingSide:
    """What these routes use."""

    core: Core
    tickets: Tickets


router: OcsRouter[SignalingSide] = OcsRouter("/apps/spreed/api/v3/signaling")


class Which(msgspec.Struct):
    """The room; without it the settings are for no room in particular."""

    token: str = ""


@router.route("GET", "/settings", access=Access.PUBLIC)
async def get_settings(side: SignalingSide, ocs: OcsRequest) -> Answer:
    """Answer with the signaling server's address and a ticket for it."""
    core = side.core
    params = await ocs.read(Which)
    random, checksum = ocs.header(RECORDING_RANDOM), ocs.header(RECORDING_CHECKSUM)
    recorder = random is not None or checksum is not None
    async with core.db.read() as session:
        server = await core.configuration.signaling_server(session)
        web_session_id = ocs.caller.web_session_id
        web = None if web_session_id is None else await session.get(WebSession, web_session_id)
        if recorder:
            secret = (await core.configuration.recording_servers(session)).secret
    if recorder and not verify(secret, random, checksum, b""):
        await ocs.fail(RECORDING_SECRET)
        raise OcsError(401, None)
    if params.token:
        await _check_room(core, ocs, params.token, recorder=recorder)
    user_id = None if recorder else ocs.caller.user_id
    ticket = side.tickets.issue(user_id, web.token_hash if web else None)
    return Answer(
        {
            "signalingMode": "external" if server else "internal",
            "userId": user_id,
            "hideWarning": True,
            "server": server or "",
            "ticket": ticket,
            "helloAuthParams": {"1.0": {"userid": user_id, "ticket": ticket}},
            "federation": None,
            "stunservers": [],
            "turnservers": [],
            "sipDialinInfo": "",
        }
    )


async def _check_room(core: Core, ocs: OcsRequest, token: str, *, recorder: bool) -> None:
    """Let participants, whoever may come by the link, and the recorder pass."""
    async with core.db.read() as session:
        room = await find_room(session, token)
        known = room is not None and await find_participant(session, room, ocs.caller) is not None
    if recorder and room is not None:
        return
    if not known:
        if not recorder:
            await core.throttle.check(ROOM_TOKEN, ocs.caller.network)
        if room is None and not recorder:
            await ocs.fail(ROOM_TOKEN)
        if room is None or room.type != RoomType.PUBLIC:
            raise OcsError(404, None)
