"""Users for an operator who has the database and no password: making, listing, a new password."""

from dataclasses import dataclass

from sqlalchemy import select

from callrec.conversation.core import Core
from callrec.conversation.db.tables_users import User
from callrec.conversation.ocs.errors import OcsError
from callrec.conversation.users import change_user, create_user
from callrec.errors import AccountError

_MEANING = {
    "userid": "the name may hold 1 to 64 letters, digits, blanks and _ . @ ' -, with no blank at an end",
    "password": "the password must have 1 to 469 characters",
    "displayName": "the display name is longer than 255 characters",
    "email": "the address is longer than 255 characters",
}


@dataclass(frozen=True)
class Account:
    """One user as an operator sees him."""

    id: str
    display_name: str
    email: str
    is_admin: bool


async def add_account(core: Core, account: Account, password: str) -> None:
    """Create a user.

    Raises:
        AccountError: the name is taken, or name, password, display name or address may not be so.
    """
    try:
        await create_user(
            core,
            account.id,
            password,
            display_name=account.display_name,
            email=account.email,
            is_admin=account.is_admin,
        )
    except OcsError as error:
        raise _as_account_error(account.id, error) from error


async def list_accounts(core: Core) -> list[Account]:
    """Return all users by name."""
    async with core.db.read() as session:
        users = (await session.scalars(select(User).order_by(User.id))).all()
    return [Account(user.id, user.display_name, user.email or "", user.is_admin) for user in users]


async def set_password(core: Core, user_id: str, password: str) -> None:
    """Give a user a new password; his sessions and app passwords end.

    Raises:
        AccountError: there is no such user, or the password may not be so.
    """
    try:
        await change_user(core, user_id, "password", password)
    except OcsError as error:
        raise _as_account_error(user_id, error) from error


def _as_account_error(user_id: str, error: OcsError) -> AccountError:
    named = error.data.get("error") if isinstance(error.data, dict) else None
    return AccountError(f"user {user_id}: {_MEANING.get(str(named), error.message or named)}")
