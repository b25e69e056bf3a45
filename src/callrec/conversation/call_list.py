"""Who took part in the running call, as CSV (RFC 4180) for a spreadsheet."""

import csv
import io
from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from callrec.conversation.calls import took_part
from callrec.conversation.db.tables_rooms import Room
from callrec.conversation.db.tables_users import User
from callrec.conversation.participants import USERS

HEADER = ("name", "email", "type", "identifier")


async def call_list(session: AsyncSession, room: Room) -> str:
    """Return the list with a header row; those who have left are in it."""
    people = await took_part(session, room)
    users = select(User.id, User.email).where(User.id.in_([p.id for p in people if p.type == USERS]))
    emails = {row[0]: row[1] or "" for row in await session.execute(users)}
    return as_csv((p.name, emails.get(p.id, "") if p.type == USERS else "", p.type, p.id) for p in people)


def as_csv(rows: Iterable[Iterable[str]]) -> str:
    """Return *rows* below the header, each line ended. No cell is taken for a formula."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    writer.writerows([_harmless(cell) for cell in row] for row in rows)
    return text.getvalue()


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
