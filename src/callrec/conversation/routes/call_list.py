"""The list of who took part in the running call, as a file (docs/wire.md, Calls)."""

from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from callrec.conversation.call_list import call_list
from callrec.conversation.core import Core
from callrec.conversation.ocs import envelope
from callrec.conversation.ocs.errors import OcsError
from callrec.conversation.ocs.formats import wanted_format
from callrec.conversation.participants import require_moderator

PATH = "/apps/spreed/api/v4/call/{token:room_token}/download"


def install(app: Starlette, core: Core) -> None:
    """Add the route to *app* under both dialects. A link leads there, so it needs no special header."""
    for dialect in (envelope.V1, envelope.V2):
        app.add_route(dialect + PATH, _endpoint(core, dialect), methods=["GET"])


def _endpoint(core: Core, dialect: str) -> Callable[[Request], Awaitable[Response]]:
    async def download(request: Request) -> Response:
        try:
            text = await _list(core, request)
        except OcsError as error:
            return envelope.render_error(dialect, wanted_format(request), error)
        headers = {"Content-Disposition": 'attachment; filename="participants.csv"'}
        return Response(text, media_type="text/csv; charset=utf-8", headers=headers)

    return download


async def _list(core: Core, request: Request) -> str:
    """Return the list for a moderator.

    Raises:
        OcsError: 404, 403; 400 when there is no call, or another form is asked for.
    """
    caller = await core.authenticator.identify(request)
    async with core.db.read() as session:
        me = await require_moderator(session, str(request.path_params["token"]), caller)
        if me.room.active_since is None or request.query_params.get("format", "csv") != "csv":
            raise OcsError(400, None)
        return await call_list(session, me.room)
