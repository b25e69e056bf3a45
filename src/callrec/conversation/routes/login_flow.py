"""Login flow v2: how an app comes to a password of its own (docs/wire.md, Login flow)."""

from typing import TypeVar
from urllib.parse import urlsplit

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from callrec.conversation import login_flows
from callrec.conversation.core import Core
from callrec.conversation.ocs.authentication import COOKIE
from callrec.conversation.ocs.body import body_parameters, read_body
from callrec.conversation.ocs.errors import OcsError
from callrec.conversation.ocs.parameters import convert
from callrec.conversation.routes.login_page import grant_page, message_page, sign_in_page
from callrec.conversation.routes.pages import (
    MAX_LOGIN_BYTES,
    SECURITY_HEADERS,
    Login,
    check_origin,
    sign_in,
)

T = TypeVar("T", bound=msgspec.Struct)

HEADERS = {
    **SECURITY_HEADERS,
    "Content-Security-Policy": f"{SECURITY_HEADERS['Content-Security-Policy']}; form-action 'self'",
    # Under "no-referrer" browsers would not say in Origin that a form is ours.
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class _Poll(msgspec.Struct):
    token: str = ""


class _Form(msgspec.Struct):
    proof: str | None = None
    user: str = ""
    password: str = ""


def install(app: Starlette, core: Core) -> None:
    """Add the flow's three addresses, each with and without ``/index.php``."""

    async def begin(request: Request) -> Response:
        return await _begin(core, request)

    async def poll(request: Request) -> Response:
        try:
            return await _poll(core, request)
        except OcsError as error:
            return JSONResponse([], error.status)

    async def flow(request: Request) -> Response:
        page = _Flow(core, request)
        try:
            return await (page.show() if request.method in ("GET", "HEAD") else page.submit())
        except OcsError as error:
            return page.message("That did not work", error.message or "Please try again.", error.status)

    for root in ("", "/index.php"):
        app.add_route(f"{root}/login/v2", begin, methods=["POST"])
        app.add_route(f"{root}/login/v2/poll", poll, methods=["POST"])
        app.add_route(f"{root}/login/v2/flow/{{token}}", flow, methods=["GET", "POST"])


async def _begin(core: Core, request: Request) -> Response:
    async with core.db.write() as tx:
        flow = await login_flows.begin(tx, request.headers.get("user-agent", ""))
    base = core.config.public_url
    poll = {"token": flow.poll_token, "endpoint": f"{base}/login/v2/poll"}
    return JSONResponse({"poll": poll, "login": f"{base}/login/v2/flow/{flow.flow_token}"})


async def _poll(core: Core, request: Request) -> Response:
    token = (await _form(request, _Poll)).token
    granted = None
    if token:
        async with core.db.write() as tx:
            granted = await login_flows.fetch(tx, token)
    if granted is None:
        return JSONResponse([], 404)
    return JSONResponse(
        {
            "server": core.config.public_url,
            "loginName": granted.user_id,
            "appPassword": granted.app_password,
        },
        headers={"Cache-Control": "no-store"},
    )


class _Flow:
    """One request of a person's browser."""

    def __init__(self, core: Core, request: Request) -> None:
        self._core = core
        self._request = request
        self._token = str(request.path_params["token"])
        self._base = f"{urlsplit(core.config.public_url).path}/"
        self._action = f"{self._base}login/v2/flow/{self._token}"

    async def show(self) -> Response:
        """Show what is to be done next: sign in, or grant."""
        client = await self._client()
        caller = await self._core.authenticator.identify(self._request)
        cookie = self._request.cookies.get(COOKIE)
        if caller.user_id is None or cookie is None:
            return _html(sign_in_page(self._base, self._action, client))
        proof = login_flows.grant_proof(cookie, self._token)
        return _html(grant_page(self._base, self._action, client, caller.display_name, proof))

    async def submit(self) -> Response:
        """Take the form that was sent.

        Raises:
            OcsError: 403 when it was not our page that sent it, 404 for a flow that is over.
        """
        client = await self._client()
        check_origin(self._core, self._request)
        form = await _form(self._request, _Form)
        if form.proof is not None:
            return await self._grant(form.proof)
        return await self._sign_in(client, Login(form.user, form.password))

    async def _sign_in(self, client: str, given: Login) -> Response:
        try:
            _, cookie = await sign_in(self._core, self._request, given)
        except OcsError as error:
            return _html(sign_in_page(self._base, self._action, client, error.message), error.status)
        response = RedirectResponse(self._action, 303, headers=HEADERS)
        self._core.authenticator.set_cookie(response, cookie)
        return response

    async def _grant(self, proof: str) -> Response:
        caller = await self._core.authenticator.identify(self._request)
        cookie = self._request.cookies.get(COOKIE, "")
        if caller.user_id is None or not login_flows.is_proof(proof, cookie, self._token):
            raise OcsError(403, message="Open the link again and grant access there.")
        async with self._core.db.write() as tx:
            flow = await login_flows.find(tx, self._token)
            if flow is None:
                raise _over()
            flow.user_id = caller.user_id
        return self.message("Access granted", "You can close this page now: the app goes on by itself.")

    async def _client(self) -> str:
        async with self._core.db.read() as session:
            flow = await login_flows.find(session, self._token)
        if flow is None:
            raise _over()
        return flow.client_name

    def message(self, title: str, text: str, status: int = 200) -> Response:
        """Show a text."""
        return _html(message_page(self._base, title, text), status)


def _over() -> OcsError:
    return OcsError(404, message="This link is over. Start again in the app.")


def _html(content: str, status: int = 200) -> Response:
    return HTMLResponse(content, status, headers=HEADERS)


async def _form(request: Request, struct: type[T]) -> T:
    body = await read_body(request, MAX_LOGIN_BYTES)
    return convert(body_parameters(request.headers.get("content-type"), body), struct)
