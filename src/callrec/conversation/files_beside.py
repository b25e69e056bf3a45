"""The hidden file of speaking times beside a film: found by its name, and going where the film goes."""

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from callrec.conversation.db.tables_recordings import Node
from callrec.conversation.files_names import numbered_name
from callrec.conversation.speaking_times import name_beside

_KINDS = ("audio/", "video/")
_IS_FILM = or_(*(Node.media_type.startswith(kind) for kind in _KINDS))


async def times_of(session: AsyncSession, film: Node) -> Node | None:
    """Return the speaking times of *film*; None where there are none, or it is no film."""
    if not film.media_type.startswith(_KINDS):
        return None
    return await session.scalar(
        select(Node).where(*_beside(film), Node.name == name_beside(film.name), Node.blob_id.is_not(None))
    )


async def times_only_of(session: AsyncSession, film: Node) -> Node | None:
    """Return the speaking times of *film* unless they are another's, too: one that was made of it."""
    times = await times_of(session, film)
    if times is None:
        return None
    others = await session.scalars(select(Node.name).where(*_beside(film), _IS_FILM, Node.id != film.id))
    return None if any(name_beside(name) == times.name for name in others) else times


async def bring(session: AsyncSession, times: Node, film: Node) -> None:
    """Put *times* beside *film*, where it is now; a name that is taken gets a number."""
    times.parent = film.parent
    taken = await session.scalars(
        select(Node.name).where(*_beside(film), Node.id != times.id, Node.name.startswith("."))
    )
    times.name = numbered_name(name_beside(film.name), frozenset(taken))
    await session.flush()


def _beside(film: Node) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return Node.owner_id == film.owner_id, Node.parent == film.parent
