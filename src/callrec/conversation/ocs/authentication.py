"""Who is calling: HTTP Basic, Bearer, session cookie, or a guest (docs/wire.md, Authentication)."""

import base64
import binascii
from dataclasses import dataclass, replace
from datetime import timedelta

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import Request
from starlette.responses import Response

from callrec.conversation.db.base import utc_now
from callrec.conversation.db.engine import Database, WriteSession
from callrec.conversation.db.tables_users import AppToken, User, WebSession
from callrec.conversation.ocs.headers import header
from callrec.conversation.ocs.throttle import LOGIN, Throttle, subnet
from callrec.conversation.passwords import Passwords, new_token, token_hash

COOKIE = "callrec_session"
COOKIE_MAX_AGE_S = 30 * 24 * 3600
TOUCH_AFTER = timedelta(hours=1)
"""How stale ``last_used_at`` may get before it is written again."""


@dataclass(frozen=True)
class Caller:
    """Who sent a request. ``user_id`` None: a guest, known by ``web_session_id`` alone, if at all."""

    network: str
    user_id: str | None = None
    display_name: str = ""
    is_admin: bool = False
    web_session_id: int | None = None
    app_token_id: int | None = None
    bearer: bool = False
    rejected: bool = False
    """Credentials were sent and are wrong: a guest on public routes, 401 elsewhere."""


class Authenticator:
    """Finds out who is calling, and hands out session cookies."""

    def __init__(self, db: Database, passwords: Passwords, throttle: Throttle, *, secure: bool) -> None:
        self._db = db
        self._passwords = passwords
        self._throttle = throttle
        self._secure = secure

    async def identify(self, request: Request, *, cookie: bool = True) -> Caller:
        """Return the caller of *request*.

        With *cookie* False the cookie alone does not sign anybody in: for requests that change something
        and carry nothing a foreign page could not send.

        Raises:
            OcsError: 429 after too many wrong passwords of this network.
        """
        caller = Caller(network=subnet(request.client.host if request.client else None))
        value = request.cookies.get(COOKIE)
        web, user = await self._web_session(value) if value else (None, None)
        if web is not None:
            caller = replace(caller, web_session_id=web.id)
        scheme, _, credentials = (request.headers.get("authorization") or "").partition(" ")
        if scheme.lower() == "basic":
            return await self._basic(caller, credentials.strip())
        if scheme.lower() == "bearer":
            signed_in = await self._app_token(caller, None, credentials.strip())
            if signed_in is None:
                await self._throttle.fail(LOGIN, caller.network)
                return replace(caller, rejected=True)
            return replace(signed_in, bearer=True)
        return caller if user is None or not cookie else _as_user(caller, user)

    async def check_password(self, login: str, password: str, network: str) -> User | None:
        """Return the user with this login and password; a wrong pair is counted.

        Raises:
            OcsError: 429 after too many wrong passwords of this network.
        """
        async with self._db.read() as session:
            await self._throttle.check_in(session, LOGIN, network)
            user = await find_user(session, login)
        if await self._passwords.verify(password, user.password_hash if user else None):
            return user
        await self._throttle.fail(LOGIN, network)
        return None

    async def open_web_session(self, tx: WriteSession, user_id: str | None) -> tuple[int, str]:
        """Create a session for a cookie; returns its id and the cookie's value."""
        value = new_token()
        web = WebSession(user_id=user_id, token_hash=token_hash(value))
        tx.add(web)
        await tx.flush()
        return web.id, value

    def set_cookie(self, response: Response, value: str) -> None:
        """Give the client its session cookie."""
        response.set_cookie(
            COOKIE,
            value,
            max_age=COOKIE_MAX_AGE_S,
            httponly=True,
            samesite="lax",
            secure=self._secure,
        )

    async def _web_session(self, cookie: str) -> tuple[WebSession | None, User | None]:
        """Return the session of a cookie, and its user when somebody has signed in with it."""
        query = select(WebSession, User).outerjoin(User, User.id == WebSession.user_id)
        async with self._db.read() as session:
            found = await session.execute(query.where(WebSession.token_hash == token_hash(cookie)))
        row = found.one_or_none()
        if row is None or row[0].last_used_at < utc_now() - timedelta(seconds=COOKIE_MAX_AGE_S):
            return None, None
        if row[0].last_used_at < utc_now() - TOUCH_AFTER:
            async with self._db.write() as tx:
                used = update(WebSession).where(WebSession.id == row[0].id)
                await tx.execute(used.values(last_used_at=utc_now()))
        return row[0], row[1]

    async def _basic(self, caller: Caller, credentials: str) -> Caller:
        try:
            login, _, password = base64.b64decode(credentials, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return replace(caller, rejected=True)
        signed_in = await self._app_token(caller, login, password)
        if signed_in is not None:
            return signed_in
        user = await self.check_password(login, password, caller.network)
        return replace(caller, rejected=True) if user is None else _as_user(caller, user)

    async def _app_token(self, caller: Caller, login: str | None, token: str) -> Caller | None:
        query = select(AppToken, User).join(User).where(AppToken.token_hash == token_hash(token))
        if login is not None:
            query = query.where(func.lower(User.id) == login.lower())
        async with self._db.read() as session:
            row = (await session.execute(query)).one_or_none()
        return None if row is None else replace(_as_user(caller, row[1]), app_token_id=row[0].id)


async def find_user(session: AsyncSession, login: str) -> User | None:
    """Return the user with the id *login* in any case."""
    exact = await session.get(User, login)
    return exact or await session.scalar(select(User).where(func.lower(User.id) == login.lower()))


def _as_user(caller: Caller, user: User) -> Caller:
    return replace(caller, user_id=user.id, display_name=user.display_name, is_admin=user.is_admin)


def may_use_cookie(request: Request) -> bool:
    """Tell whether the cookie alone may sign in this request: a foreign page cannot send the header."""
    return request.method in ("GET", "HEAD", "OPTIONS", "PROPFIND", "REPORT") or has_api_header(request)


def has_api_header(request: Request) -> bool:
    """Tell whether the request carries ``OCS-APIRequest: true``."""
    return (header(request.headers, "OCS-APIRequest") or "").lower() == "true"
