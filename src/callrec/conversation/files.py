"""Users' homes: which files and folders there are, and who may read them.

A home holds what its owner was given. Files that rooms share with a user appear in the user's attachment
folder, under a numbered name where that is taken. Paths are relative to the home and have no slash at either
end; nothing of them reaches the file system.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import ColumnElement, func, or_, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from callrec.conversation.db.tables_recordings import Node, RoomShare
from callrec.conversation.db.tables_rooms import Attendee
from callrec.conversation.files_folders import attachment_folder
from callrec.conversation.files_names import numbered_name
from callrec.conversation.files_paths import contains, joined, name_of, parent_of


@dataclass(frozen=True)
class Entry:
    """A file or folder as one viewer sees it: at ``path`` in the viewer's home."""

    node: Node
    path: str
    shared: bool = False
    """Somebody else's file, readable through a room."""
    content_bytes: int = 0
    """All that lies in a folder; see :func:`with_sizes`."""

    @property
    def is_folder(self) -> bool:
        """Tell folders from files."""
        return self.node.blob_id is None

    @property
    def name(self) -> str:
        """The last part of the path; "" for the home."""
        return name_of(self.path)

    @property
    def size_bytes(self) -> int:
        """The size of the file, or of everything in the folder."""
        return self.content_bytes if self.is_folder else self.node.size_bytes


async def find(session: AsyncSession, user_id: str, path: str) -> Entry | None:
    """Return what *user_id* sees at *path* of the own home."""
    node = await session.scalar(
        select(Node).where(
            Node.owner_id == user_id, Node.parent == parent_of(path), Node.name == name_of(path)
        )
    )
    if node:
        return Entry(node, path)
    if path and parent_of(path) == await attachment_folder(session, user_id):
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
    if path == await attachment_folder(session, user_id):
        entries += await shared_with(session, user_id)
    return sorted(entries, key=lambda entry: entry.path.encode())


async def descendants(session: AsyncSession, user_id: str, path: str) -> list[Entry]:
    """Return everything below the folder *path*, at any depth, by byte value of the path."""
    nodes = await session.scalars(
        select(Node).where(Node.owner_id == user_id, in_tree(path), Node.name != "")
    )
    entries = [Entry(node, node.path) for node in nodes]
    entries += [entry for entry in await shared_with(session, user_id) if contains(path, entry.path)]
    return sorted(entries, key=lambda entry: entry.path.encode())


async def with_sizes(session: AsyncSession, user_id: str, entries: Sequence[Entry]) -> list[Entry]:
    """Return *entries* with what their folders hold."""
    folders = [entry.path for entry in entries if entry.is_folder]
    if not folders:
        return list(entries)
    rows = await session.execute(
        select(Node.parent, func.sum(Node.size_bytes))
        .where(Node.owner_id == user_id, or_(*(in_tree(path) for path in _roots(folders))))
        .group_by(Node.parent)
    )
    sums = [(parent, int(total)) for parent, total in rows]

    def size(path: str) -> int:
        return sum(total for parent, total in sums if parent == path or contains(path, parent))

    return [replace(entry, content_bytes=size(entry.path)) if entry.is_folder else entry for entry in entries]


def in_tree(path: str) -> ColumnElement[bool]:
    """Return the condition that a node lies in the folder *path*, at any depth."""
    if not path:
        return true()
    # Not LIKE: SQLite ignores the case of letters there.
    return or_(Node.parent == path, func.substr(Node.parent, 1, len(path) + 1) == f"{path}/")


def _roots(folders: Sequence[str]) -> list[str]:
    """Return those of *folders* that lie in none of the others."""
    roots: list[str] = []
    for path in sorted(folders, key=len):
        if not any(path == root or contains(root, path) for root in roots):
            roots.append(path)
    return roots


async def shared_with(session: AsyncSession, user_id: str) -> list[Entry]:
    """Return other people's files that rooms share with *user_id*, oldest share first."""
    nodes = (
        await session.scalars(
            select(Node)
            .join(RoomShare, RoomShare.node_id == Node.id)
            .join(Attendee, Attendee.room_id == RoomShare.room_id)
            .where(Attendee.actor_type == "users", Attendee.actor_id == user_id, Node.owner_id != user_id)
            .order_by(RoomShare.id)
        )
    ).all()
    if not nodes:
        return []
    folder = await attachment_folder(session, user_id)
    own = await session.scalars(select(Node.name).where(Node.owner_id == user_id, Node.parent == folder))
    taken = set(own)
    entries: dict[int, Entry] = {}
    for node in nodes:
        if node.id not in entries:
            name = numbered_name(node.name, taken)
            taken.add(name)
            entries[node.id] = Entry(node, joined(folder, name), shared=True)
    return list(entries.values())
