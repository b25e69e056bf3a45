"""What grows old: sessions without a sign of life, guests who are gone, lobbies, long calls, messages …"""

import asyncio

import structlog

from callrec.conversation.calls import end_long_calls
from callrec.conversation.chat import forget_expired
from callrec.conversation.core import Core
from callrec.conversation.room_settings import open_due_lobbies
from callrec.conversation.sessions import expire_sessions, forget_guests

log = structlog.get_logger()

MAX_INTERVAL_S = 10.0


async def run_expiry(core: Core) -> None:
    """Look after it for ever; to be cancelled."""
    interval_s = min(MAX_INTERVAL_S, core.config.settings.session_timeout_s / 4)
    while True:
        await asyncio.sleep(interval_s)
        try:
            count = await expire_sessions(core)
            if count:
                log.info("sessions_expired", count=count)
            await forget_guests(core)
            await open_due_lobbies(core)
            await end_long_calls(core)
            await forget_expired(core.db)
            await core.throttle.forget_old()
        except Exception:  # the root of the task: the next round tries again
            log.exception("expiry_failed")
