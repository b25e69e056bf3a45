"""The page and what it is signed in with; and the status that everybody may ask for."""

from html import escape
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from sqlalchemy import delete
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.staticfiles import StaticFiles

from callrec.conversation.capabilities import status
from callrec.conversation.core import Core
from callrec.conversation.db.tables_users import User, WebSession
from callrec.conversation.ocs.authentication import COOKIE, has_api_header
from callrec.conversation.ocs.body import body_parameters, read_body
from callrec.conversation.ocs.errors import OcsError
from callrec.conversation.ocs.parameters import convert
from callrec.conversation.ocs.throttle import subnet
from callrec.conversation.passwords import token_hash

MAX_LOGIN_BYTES = 8192
SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; connect-src 'self' ws: wss:; media-src 'self' blob:; "
        "img-src 'self' data: blob:; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


class Login(msgspec.Struct):
    """Name and password."""

    user: str
    password: str


class _PageFiles(StaticFiles):
    """Static files that are always checked for a newer version, and never taken for something else."""

    def file_response(self, *args: object, **kwargs: object) -> Response:
        response = super().file_response(*args, **kwargs)  # type: ignore[arg-type]  # passed on unseen
        response.headers.update(SECURITY_HEADERS)
        return response


def install(app: Starlette, core: Core) -> None:
    """Add the page, its files, signing in and out, and the status."""
    index = core.config.web / "index.html"
    public_url = core.config.public_url

    async def page(_request: Request) -> Response:
        return HTMLResponse(page_at(index, public_url), headers=SECURITY_HEADERS)

    async def get_status(_request: Request) -> Response:
        return JSONResponse(status(), headers={"Cache-Control": "no-store"})

    async def login(request: Request) -> Response:
        try:
            return await _login(core, request)
        except OcsError as error:
            text = error.message or "The request cannot be read."
            return JSONResponse({"error": text}, error.status, error.headers)

    async def logout(request: Request) -> Response:
        return await _logout(core, request)

    for path in ("/", "/index.php", "/call/{token:room_token}", "/index.php/call/{token:room_token}"):
        app.add_route(path, page, methods=["GET"])
    app.add_route("/status.php", get_status, methods=["GET"])
    app.add_route("/index.php/login", login, methods=["POST"])
    app.add_route("/index.php/logout", logout, methods=["POST"])
    app.mount("/static", _PageFiles(directory=core.config.web, check_dir=False))


def page_at(file: Path, public_url: str) -> str:
    """Return the page in *file*, told where it lives: its path, and the server's public address."""
    base = f'<base href="{escape(urlsplit(public_url).path)}/">'
    public = f'<meta name="public-url" content="{escape(public_url)}">'
    page = file.read_text().replace('<base href="/">', base, 1)
    return page.replace('<meta name="public-url" content="">', public, 1)


async def sign_in(core: Core, request: Request, given: Login) -> tuple[User, str]:
    """Check name and password; returns the user and the value of a fresh session cookie.

    Raises:
        OcsError: 401 for a wrong pair, 429 after too many.
    """
    network = subnet(request.client.host if request.client else None)
    user = await core.authenticator.check_password(given.user, given.password, network)
    if user is None:
        raise OcsError(401, message="Wrong name or password.")
    async with core.db.write() as tx:
        _, cookie = await core.authenticator.open_web_session(tx, user.id)
    return user, cookie


async def _login(core: Core, request: Request) -> Response:
    check_origin(core, request)
    body = await read_body(request, MAX_LOGIN_BYTES)
    given = convert(body_parameters(request.headers.get("content-type"), body), Login)
    user, cookie = await sign_in(core, request, given)
    response = JSONResponse({"id": user.id, "displayname": user.display_name})
    core.authenticator.set_cookie(response, cookie)
    return response


def check_origin(core: Core, request: Request) -> None:
    """Refuse what a page of another site sends: it could sign a person in as somebody else.

    Raises:
        OcsError: 403.
    """
    origin = request.headers.get("origin")
    if origin is None:
        return
    host = urlsplit(origin).netloc
    if host not in (request.headers.get("host"), urlsplit(core.config.public_url).netloc):
        raise OcsError(403, message="Sign in on this server's own page.")


async def _logout(core: Core, request: Request) -> Response:
    if not has_api_header(request):
        return JSONResponse({"message": "CSRF check failed"}, 412)
    value = request.cookies.get(COOKIE)
    if value:
        async with core.db.write() as tx:
            await tx.execute(delete(WebSession).where(WebSession.token_hash == token_hash(value)))
    response = JSONResponse({})
    response.delete_cookie(COOKIE, httponly=True, samesite="lax")
    return response
