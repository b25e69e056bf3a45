"""Users' homes: which files and folders there are, and who may read them.

A home holds what its owner was given. Files that rooms share with a user appear in the user's folder ``Talk``
beside it, under a numbered name where that is taken. Paths are relative to the home and have no slash at
either end; nothing of them reaches the file system.
"""

import secrets
from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from callrec.conversation.db.base import utc_now
from callrec.conversation.db.tables_recordings import Node, RoomShare
from callrec.conversation.db.tables_rooms import Attendee
from callrec.conversation.files_names import numbered_name

ATTACHMENT_FOLDER = "Talk"
"""Where recordings go, and where files shared by rooms appear."""


@dataclass(frozen=True)
class Entry:
    """A file or folder as one viewer sees it: at ``path`` in the viewer's home."""

    node: Node
    path: str
    shared: bool = False
    """Somebody else's file, readable through a room."""

    @property
    def is_folder(self) -> bool:
        """Tell folders from files."""
        return self.node.blob_id is None


def normal_path(path: str) -> str:
    """Return *path* without empty parts: doubled, leading and trailing slashes mean nothing."""
    return "/".join(part for part in path.split("/") if part)


async def add_file(
    session: AsyncSession,
    *,
    owner_id: str,
    folder: str,
    name: str,
    blob_id: str,
    size_bytes: int,
    media_type: str,
) -> Node:
    """Add a file to *folder* of a home, under a numbered name where *name* is taken.

    Folders on the way are made, and get a new etag.
    """
    await _make_folder(session, owner_id, folder)
    taken = await session.scalars(select(Node.name).where(Node.owner_id == owner_id, Node.parent == folder))
    node = Node(
        owner_id=owner_id,
        parent=folder,
        name=numbered_name(name, frozenset(taken)),
        blob_id=blob_id,
        size_bytes=size_bytes,
        media_type=media_type,
        etag=_new_etag(),
    )
    session.add(node)
    await session.flush()
    return node


async def find(session: AsyncSession, user_id: str, path: str) -> Entry | None:
    """Return what *user_id* sees at *path* of the own home."""
    parent, _, name = path.rpartition("/")
    node = await session.scalar(
        select(Node).where(Node.owner_id == user_id, Node.parent == parent, Node.name == name)
    )
    if node:
        return Entry(node, path)
    if parent == ATTACHMENT_FOLDER:
        return next((entry for entry in await shared_with(session, user_id) if entry.path == path), None)
    return None


async def find_by_id(session: AsyncSession, user_id: str, file_id: int) -> Entry | None:
    """Return the file *file_id* as *user_id* sees it, or None if that user may not read it."""
    node = await session.get(Node, file_id)
    if node and node.owner_id == user_id:
        return Entry(node, node.path)
    shared = await shared_with(session, user_id) if node else []
    return next((entry for entry in shared if entry.node.id == file_id), None)


async def children(session: AsyncSession, user_id: str, path: str) -> list[Entry]:
    """Return what lies directly in the folder *path* of the home of *user_id*, by byte value of the name."""
    nodes = await session.scalars(
        select(Node).where(Node.owner_id == user_id, Node.parent == path, Node.name != "")
    )
    entries = [Entry(node, node.path) for node in nodes]
    if path == ATTACHMENT_FOLDER:
        entries += await shared_with(session, user_id)
    return sorted(entries, key=lambda entry: entry.path.encode())


async def open_home(session: AsyncSession, user_id: str) -> None:
    """Make the home's folder, and ``Talk`` when a room shares something: they need ids to be listed."""
    wanted = [""]
    if await shared_with(session, user_id):
        wanted.append(ATTACHMENT_FOLDER)
    for name in wanted:
        if await find(session, user_id, name) is None:
            session.add(Node(owner_id=user_id, parent="", name=name, etag=_new_etag()))
    await session.flush()


async def _make_folder(session: AsyncSession, owner_id: str, path: str) -> None:
    """Make the folder *path* with all above it; those that are there get a new etag."""
    parts = path.split("/")
    places = [("", ""), *(("/".join(parts[:depth]), part) for depth, part in enumerate(parts))]
    for parent, name in places:
        touched = await session.scalar(
            update(Node)
            .where(Node.owner_id == owner_id, Node.parent == parent, Node.name == name)
            .values(etag=_new_etag(), modified_at=utc_now())
            .returning(Node.id)
        )
        if touched is None:
            session.add(Node(owner_id=owner_id, parent=parent, name=name, etag=_new_etag()))
            await session.flush()


async def shared_with(session: AsyncSession, user_id: str) -> list[Entry]:
    """Return other people's files that rooms share with *user_id*, oldest share first."""
    nodes = await session.scalars(
        select(Node)
        .join(RoomShare, RoomShare.node_id == Node.id)
        .join(Attendee, Attendee.room_id == RoomShare.room_id)
        .where(Attendee.actor_type == "users", Attendee.actor_id == user_id, Node.owner_id != user_id)
        .order_by(RoomShare.id)
    )
    own = await session.scalars(
        select(Node.name).where(Node.owner_id == user_id, Node.parent == ATTACHMENT_FOLDER)
    )
    taken = set(own)
    entries: dict[int, Entry] = {}
    for node in nodes:
        if node.id not in entries:
            name = numbered_name(node.name, taken)
            taken.add(name)
            entries[node.id] = Entry(node, f"{ATTACHMENT_FOLDER}/{name}", shared=True)
    return list(entries.values())


def _new_etag() -> str:
    return secrets.token_hex(16)
