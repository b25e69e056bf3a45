"""The page that a stock recorder opens in its browser, and records (docs/wire.md, Recording page)."""

from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from callrec.conversation.core import Core
from callrec.conversation.ocs.errors import OcsError
from callrec.conversation.ocs.throttle import ROOM_TOKEN, subnet
from callrec.conversation.participants import find_room
from callrec.conversation.recording_state import STARTING
from callrec.conversation.routes.login_page import message_page
from callrec.conversation.routes.pages import SECURITY_HEADERS, page_at

_WORDS = {
    404: (
        "Nothing to record",
        "There is no such conversation, or it waits for no recording to start.",
    ),
    429: ("Too many attempts", "Too many unknown conversations were asked for. Try again later."),
}


def install(app: Starlette, core: Core) -> None:
    """Add the page."""
    page = core.config.web / "recording.html"
    public_url = core.config.public_url
    base = f"{urlsplit(public_url).path}/"

    async def get_page(request: Request) -> Response:
        try:
            await _check(core, request)
        except OcsError as refused:
            title, text = _WORDS[refused.status]
            content = message_page(base, title, text)
            return HTMLResponse(content, refused.status, {**SECURITY_HEADERS, **refused.headers})
        return HTMLResponse(page_at(page, public_url), headers=SECURITY_HEADERS)

    for path in ("/call/{token:room_token}/recording", "/index.php/call/{token:room_token}/recording"):
        app.add_route(path, get_page, methods=["GET"])


async def _check(core: Core, request: Request) -> None:
    """Let pass who opens the page of a room whose recording is starting.

    Only an unknown room is a failure that counts: a recorder that comes too late guesses no tokens.

    Raises:
        OcsError: 404, 429 after too many unknown rooms.
    """
    token = str(request.path_params["token"])
    network = subnet(request.client.host if request.client else None)
    async with core.db.read() as session:
        await core.throttle.check_in(session, ROOM_TOKEN, network)
        room = await find_room(session, token)
    if room is None:
        await core.throttle.fail(ROOM_TOKEN, network, token)
    if room is None or room.call_recording not in STARTING:
        raise OcsError(404)
