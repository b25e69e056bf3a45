"""What users choose for themselves, such as where recordings go (docs/wire.md, Preferences)."""

from collections.abc import Callable, Mapping

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from callrec.conversation.db.engine import WriteSession
from callrec.conversation.db.tables_users import UserPreference
from callrec.conversation.files_paths import clean_path
from callrec.conversation.ocs.errors import OcsError

READ_PRIVACY, TYPING_PRIVACY, PLAY_SOUNDS = "read_status_privacy", "typing_privacy", "play_sounds"
ATTACHMENT_FOLDER = "attachment_folder"
PUBLIC, PRIVATE = "0", "1"


def _is_switch(value: str) -> bool:
    return value in (PUBLIC, PRIVATE)


def _is_folder(value: str) -> bool:
    return bool(value.strip("/")) and clean_path(value) is not None


_CHECKS: Mapping[str, Callable[[str], bool]] = {
    ATTACHMENT_FOLDER: _is_folder,
    "recording_folder": _is_folder,
    READ_PRIVACY: _is_switch,
    TYPING_PRIVACY: _is_switch,
    PLAY_SOUNDS: lambda value: value in ("yes", "no"),
}


async def preferences_of(session: AsyncSession, user_id: str) -> Mapping[str, str]:
    """Return what a user has chosen."""
    rows = await session.scalars(select(UserPreference).where(UserPreference.user_id == user_id))
    return {row.key: row.value for row in rows}


async def set_preference(tx: WriteSession, user_id: str, key: str, value: str) -> None:
    """Keep a choice; it counts from the next request on.

    Raises:
        OcsError: 400 when there is no such choice, or no such value for it.
    """
    check = _CHECKS.get(key)
    if check is None or len(value) > UserPreference.value.type.length or not check(value):
        raise OcsError(400, None)
    chosen = await tx.get(UserPreference, (user_id, key))
    if chosen is None:
        tx.add(UserPreference(user_id=user_id, key=key, value=value))
    else:
        chosen.value = value
