"""The app ``testing`` that Talk's integration tests look for: there and enabled, until it is disabled."""

from sqlalchemy.ext.asyncio import AsyncSession

from callrec.conversation.app_config import Configuration
from callrec.conversation.db.engine import WriteSession

TESTING = "testing"
_ENABLED = "enabled"


async def is_enabled(configuration: Configuration, session: AsyncSession) -> bool:
    """Tell whether the app is enabled."""
    return await configuration.get(session, TESTING, _ENABLED) != "no"


async def set_enabled(configuration: Configuration, tx: WriteSession, *, enabled: bool) -> None:
    """Enable or disable it."""
    await configuration.set(tx, TESTING, _ENABLED, "yes" if enabled else "no")
