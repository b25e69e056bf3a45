"""Login flow v2: an app asks, a person grants in the browser, the app gets a password of its own.

The app password is made when the app fetches it, so it is never stored in the clear (docs/wire.md, Login
flow).
"""

import hmac
import secrets
import string
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from callrec.conversation.db.base import utc_now
from callrec.conversation.db.engine import WriteSession
from callrec.conversation.db.tables_logins import LoginFlow
from callrec.conversation.db.tables_users import AppToken
from callrec.conversation.passwords import new_token, token_hash

LIFETIME = timedelta(minutes=20)
TOKEN_CHARS = 128
MAX_CLIENT_NAME_CHARS = 120
MAX_WAITING = 10_000
"""Anybody may begin a flow; of more than this the oldest are forgotten."""

_ALPHABET = string.ascii_letters + string.digits


@dataclass(frozen=True)
class NewFlow:
    """The two tokens of a flow: one for the app, one for the browser."""

    poll_token: str
    flow_token: str


@dataclass(frozen=True)
class Granted:
    """What the app gets."""

    user_id: str
    app_password: str


async def begin(tx: WriteSession, client_name: str) -> NewFlow:
    """Let an app wait for a person's grant; flows that nobody finished are forgotten."""
    await tx.execute(delete(LoginFlow).where(LoginFlow.created_at < utc_now() - LIFETIME))
    new = NewFlow(_new_token(), _new_token())
    flow = LoginFlow(
        poll_hash=token_hash(new.poll_token),
        flow_hash=token_hash(new.flow_token),
        client_name=client_name.strip()[:MAX_CLIENT_NAME_CHARS] or "Unknown app",
    )
    tx.add(flow)
    await tx.flush()
    await tx.execute(delete(LoginFlow).where(LoginFlow.id <= flow.id - MAX_WAITING))
    return new


async def find(session: AsyncSession, flow_token: str) -> LoginFlow | None:
    """Return the flow that a browser came for, if it may still be granted."""
    flow = await session.scalar(select(LoginFlow).where(LoginFlow.flow_hash == token_hash(flow_token)))
    if flow is None or flow.user_id is not None or _is_over(flow):
        return None
    return flow


async def fetch(tx: WriteSession, poll_token: str) -> Granted | None:
    """Give the app its password, once; None while nobody has granted it."""
    flow = await tx.scalar(select(LoginFlow).where(LoginFlow.poll_hash == token_hash(poll_token)))
    if flow is None or flow.user_id is None or _is_over(flow):
        return None
    user_id, password = flow.user_id, new_token()
    await tx.delete(flow)
    tx.add(AppToken(user_id=user_id, token_hash=token_hash(password)))
    return Granted(user_id, password)


def grant_proof(cookie: str, flow_token: str) -> str:
    """Return what proves that the form to grant was read by the browser that holds *cookie*."""
    return hmac.new(cookie.encode("utf-8", "surrogatepass"), flow_token.encode(), "sha256").hexdigest()


def is_proof(given: str, cookie: str, flow_token: str) -> bool:
    """Tell whether *given* is that proof."""
    expected = grant_proof(cookie, flow_token)
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), expected.encode())


def _new_token() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(TOKEN_CHARS))


def _is_over(flow: LoginFlow) -> bool:
    return flow.created_at < utc_now() - LIFETIME
