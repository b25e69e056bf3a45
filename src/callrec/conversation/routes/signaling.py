"""Where clients and the recorder find the signaling server, and what a standalone one asks."""

from dataclasses import dataclass
from typing import Any

import msgspec

from callrec.clock import wall_s
from callrec.conversation.app_config import STUN_SERVERS, TALK, TURN_SERVERS
from callrec.conversation.core import Core
from callrec.conversation.db.tables_users import WebSession
from callrec.conversation.ice_servers import stun_servers, turn_servers
from callrec.conversation.ocs.authentication import Caller
from callrec.conversation.ocs.described import keys
from callrec.conversation.ocs.envelope import Answer
from callrec.conversation.ocs.errors import OcsError
from callrec.conversation.ocs.router import Access, OcsRequest, OcsRouter
from callrec.conversation.ocs.throttle import RECORDING_SECRET, SIGNALING_SECRET
from callrec.conversation.participants import find_room
from callrec.conversation.routes import signed_bodies
from callrec.conversation.signaling_callbacks import answer_callback, refused
from callrec.conversation.tickets import Tickets
from callrec.conversation.visibility import find_visible
from callrec.wire.checksum import (
    RECORDING_CHECKSUM,
    RECORDING_RANDOM,
    SIGNALING_CHECKSUM,
    SIGNALING_RANDOM,
    verify,
)
from callrec.wire.signaling import SignalingBackend

MAX_CALLBACK_BYTES = 1 << 18
"""A ping names at most 200 sessions of about 300 characters."""


@dataclass(frozen=True)
class SignalingSide:
    """What these routes use."""

    core: Core
    tickets: Tickets
    backend: SignalingBackend


router: OcsRouter[SignalingSide] = OcsRouter("/apps/spreed/api/v3/signaling")
callbacks: OcsRouter[SignalingSide] = OcsRouter("/apps/spreed/api")
"""Signaling servers fall back to version 1 where they cannot read the capabilities."""


class Which(msgspec.Struct):
    """The room; without it the settings are for no room in particular."""

    token: str = ""


@router.route(
    "GET",
    "/settings",
    access=Access.PUBLIC,
    reads=Which,
    data=keys("signalingMode", "server", "ticket", "helloAuthParams", "stunservers", "turnservers"),
    signed=signed_bodies.OVER_NOTHING,
    refuses={401: (), 404: ()},
)
async def get_settings(side: SignalingSide, ocs: OcsRequest) -> Answer:
    """Answer with the signaling server's address, a ticket and a token for it, and servers for media."""
    core = side.core
    params = await ocs.read(Which)
    random, checksum = ocs.header(RECORDING_RANDOM), ocs.header(RECORDING_CHECKSUM)
    recorder = random is not None or checksum is not None
    async with core.db.read() as session:
        server = await core.configuration.signaling_server(session, params.token)
        mode = await core.configuration.signaling_mode(session)
        stun = await core.configuration.get(session, TALK, STUN_SERVERS)
        turn = await core.configuration.get(session, TALK, TURN_SERVERS)
        web_session_id = ocs.caller.web_session_id
        web = None if web_session_id is None else await session.get(WebSession, web_session_id)
        if recorder:
            secret = (await core.configuration.recording_servers(session)).secret
    if recorder and not verify(secret, random, checksum, b""):
        await ocs.fail(RECORDING_SECRET)
        raise OcsError(401, None)
    if params.token:
        await _check_room(core, ocs, params.token, recorder=recorder)
    return Answer(
        {
            "signalingMode": mode,
            **_identity(side, None if recorder else ocs.caller, web),
            "hideWarning": True,
            "server": server.address if server else "",
            "federation": None,
            "stunservers": stun_servers(stun),
            "turnservers": turn_servers(turn, wall_s()),
            "sipDialinInfo": "",
        }
    )


@callbacks.route(
    "POST",
    "/v3/signaling/backend",
    access=Access.PUBLIC,
    max_body_bytes=MAX_CALLBACK_BYTES,
    data=keys("type"),
    takes=signed_bodies.CALLBACK,
    signed=signed_bodies.OVER_CALLBACK,
)
@callbacks.route(
    "POST",
    "/v1/signaling/backend",
    access=Access.PUBLIC,
    max_body_bytes=MAX_CALLBACK_BYTES,
    data=keys("type"),
    takes=signed_bodies.CALLBACK,
    signed=signed_bodies.OVER_CALLBACK,
)
async def post_backend(side: SignalingSide, ocs: OcsRequest) -> Answer:
    """Answer what a standalone signaling server asks; errors are inside of a success."""
    body = await ocs.body()
    async with side.core.db.read() as session:
        secret = (await side.core.configuration.signaling_servers(session)).secret
    if not verify(secret, ocs.header(SIGNALING_RANDOM), ocs.header(SIGNALING_CHECKSUM), body):
        await ocs.fail(SIGNALING_SECRET)
        return Answer(refused("invalid_request", "the request could not be authenticated"))
    return Answer(await answer_callback(side.backend, body))


def _identity(side: SignalingSide, caller: Caller | None, web: WebSession | None) -> dict[str, Any]:
    """Return who the client is to the signaling server; the recorder (None) is nobody there."""
    user_id = caller.user_id if caller else None
    cookie_hash = web.token_hash if caller and web else None
    ticket = side.tickets.issue(user_id, cookie_hash)
    mark = side.tickets.guest_mark(cookie_hash) if cookie_hash else ""
    token = side.core.hello_tokens.issue(user_id, caller.display_name if caller else "", mark)
    return {
        "userId": user_id,
        "ticket": ticket,
        "helloAuthParams": {"1.0": {"userid": user_id, "ticket": ticket}, "2.0": {"token": token}},
    }


async def _check_room(core: Core, ocs: OcsRequest, token: str, *, recorder: bool) -> None:
    """Let the recorder, participants, and whoever may come into the room pass."""
    missing = OcsError(404, None)
    if not recorder:
        await find_visible(core, token, ocs.caller, missing=missing)
        return
    async with core.db.read() as session:
        if await find_room(session, token) is None:
            raise missing
