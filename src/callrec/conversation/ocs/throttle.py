"""Brute-force protection: failures are counted per action and client network (docs/wire.md, Brute force)."""

import ipaddress
from collections.abc import Collection
from datetime import timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from callrec.conversation.app_config import Configuration
from callrec.conversation.db.base import utc_now
from callrec.conversation.db.engine import Database, WriteSession
from callrec.conversation.db.tables_users import FailedAttempt
from callrec.conversation.ocs.errors import too_many_attempts

LOGIN = "login"
ROOM_TOKEN = "talkRoomToken"  # noqa: S105 - the name of an action
ROOM_PASSWORD = "talkRoomPassword"  # noqa: S105 - the name of an action
RECORDING_SECRET = "talkRecordingSecret"  # noqa: S105 - the name of an action
SIGNALING_SECRET = "talkSignalingSecret"  # noqa: S105 - the name of an action

SWITCH_APP, SWITCH_KEY = "core", "auth.bruteforce.protection.enabled"
"""The app config value that turns the protection off."""
_OFF = frozenset({"no", "false", "0", ""})

NEW_GUEST = "newGuest"

MAX_FAILURES = 10
WINDOW = timedelta(minutes=30)
MAX_NEW_GUESTS = 60
GUESTS_WINDOW = timedelta(minutes=10)
"""A class or an office behind one address comes in at once; a script makes thousands, each with rows and a
place in everybody's list."""


def subnet(host: str | None) -> str:
    """Return what failures of the client at *host* count for: an IPv4 address or an IPv6 /64."""
    if host is None:
        return "unknown"
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host[:64]
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


class Throttle:
    """Counts failures in *db*, so that a restart forgives nobody and all server processes count together."""

    def __init__(self, db: Database, configuration: Configuration) -> None:
        self._db = db
        self._configuration = configuration

    async def check(self, action: str, network: str) -> None:
        """Let the request pass while *network* has few failures of *action*.

        Raises:
            OcsError: 429 from the 11th failure within 30 minutes on.
        """
        async with self._db.read() as session:
            await self.check_in(session, action, network)

    async def check_in(self, session: AsyncSession, action: str, network: str) -> None:
        """As ``check``, in a session that is open already.

        Raises:
            OcsError: as ``check``.
        """
        if await _count(session, action, network) > MAX_FAILURES and await self._is_on(session):
            raise too_many_attempts(int(WINDOW.total_seconds()))

    async def fail(self, action: str, network: str, about: str = "") -> None:
        """Count one failure; *about* is what may be forgiven by a success, such as a room token.

        Raises:
            OcsError: 429 when it is one too many: instead of the refusal that the caller would give.
        """
        async with self._db.write() as tx:
            if await _count(tx, action, network) <= MAX_FAILURES:
                tx.add(FailedAttempt(action=action, subnet=network, about=about))
        await self.check(action, network)

    async def forgive(self, tx: WriteSession, actions: Collection[str], network: str, about: str) -> None:
        """Forget the failures of *network* that were about this: it has succeeded now."""
        mine = (FailedAttempt.subnet == network, FailedAttempt.about == about)
        await tx.execute(delete(FailedAttempt).where(FailedAttempt.action.in_(actions), *mine))

    async def admit_guest(self, tx: WriteSession, network: str) -> None:
        """Count a new guest of *network*, who becomes one in *tx*.

        Raises:
            OcsError: 429 from the 61st within 10 minutes on.
        """
        if await _count(tx, NEW_GUEST, network, GUESTS_WINDOW) >= MAX_NEW_GUESTS:
            raise too_many_attempts(int(GUESTS_WINDOW.total_seconds()))
        tx.add(FailedAttempt(action=NEW_GUEST, subnet=network))

    async def forget_old(self) -> None:
        """Delete failures that no longer count."""
        async with self._db.write() as session:
            await session.execute(delete(FailedAttempt).where(FailedAttempt.at < utc_now() - WINDOW))

    async def _is_on(self, session: AsyncSession) -> bool:
        value = await self._configuration.get(session, SWITCH_APP, SWITCH_KEY)
        return value is None or value.strip().lower() not in _OFF


async def _count(session: AsyncSession, action: str, network: str, window: timedelta = WINDOW) -> int:
    query = (
        select(func.count())
        .select_from(FailedAttempt)
        .where(
            FailedAttempt.action == action,
            FailedAttempt.subnet == network,
            FailedAttempt.at >= utc_now() - window,
        )
    )
    return await session.scalar(query) or 0
