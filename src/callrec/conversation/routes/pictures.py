"""The pictures that answers name: of rooms, and the icon of notifications (docs/wire.md, Pictures)."""

from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from callrec.conversation.core import Core
from callrec.conversation.ocs import envelope
from callrec.conversation.ocs.errors import OcsError, guard_refusal
from callrec.conversation.ocs.formats import wanted_format
from callrec.conversation.pictures import notification_icon, room_picture
from callrec.conversation.visibility import find_visible
from callrec.wire.constants import RoomType

AVATAR = "/apps/spreed/api/v1/room/{token:room_token}/avatar"
ICONS = {"/apps/spreed/img/app-dark.svg": "#000", "/apps/spreed/img/app.svg": "#fff"}
"""Path → colour."""
MAX_AGE_S = 24 * 3600


def install(app: Starlette, core: Core) -> None:
    """Add the routes to *app*. Pages name them as images, so they need no special header."""
    for dialect in (envelope.V1, envelope.V2):
        app.add_route(dialect + AVATAR, _avatar(core, dialect, dark=False), methods=["GET"])
        app.add_route(f"{dialect}{AVATAR}/dark", _avatar(core, dialect, dark=True), methods=["GET"])
    for path, colour in ICONS.items():
        app.add_route(path, _icon(colour), methods=["GET"])


def _icon(colour: str) -> Callable[[Request], Awaitable[Response]]:
    async def icon(_request: Request) -> Response:
        return _svg(notification_icon(colour), "public")

    return icon


def _avatar(core: Core, dialect: str, *, dark: bool) -> Callable[[Request], Awaitable[Response]]:
    async def avatar(request: Request) -> Response:
        token = str(request.path_params["token"])
        try:
            caller = await core.authenticator.identify(request)
            room, _ = await find_visible(core, token, caller, missing=guard_refusal(404))
        except OcsError as error:
            return envelope.render_error(dialect, wanted_format(request), error)
        return _svg(room_picture(token, RoomType(room.type), dark=dark), "private")

    return avatar


def _svg(text: str, who: str) -> Response:
    headers = {
        "Cache-Control": f"{who}, max-age={MAX_AGE_S}",
        "Content-Security-Policy": "default-src 'none'",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(text, media_type="image/svg+xml", headers=headers)
