"""Changing a home: putting, making, moving, copying and deleting (docs/wire.md, Files).

Everything here happens inside a write transaction; nothing touches blobs. What is refused changes nothing.
With a film go its hidden speaking times.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import delete, func, literal, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from callrec.conversation.db.base import utc_now
from callrec.conversation.db.tables_recordings import Node
from callrec.conversation.files import Entry, find, in_tree
from callrec.conversation.files_beside import bring, times_of, times_only_of
from callrec.conversation.files_folders import attachment_folder, make_folder, new_etag
from callrec.conversation.files_names import numbered_name
from callrec.conversation.files_paths import MAX_PATH_CHARS, contains, joined, name_of, parent_of
from callrec.conversation.files_refused import Refused


@dataclass(frozen=True)
class Content:
    """What a file consists of: a durable blob that no row speaks of yet."""

    blob_id: str
    size_bytes: int
    media_type: str


@dataclass(frozen=True)
class Changed:
    """The file or folder after a change, and the blobs to delete once that is committed."""

    node: Node
    created: bool
    dropped: tuple[str, ...] = ()


async def add_file(session: AsyncSession, *, owner_id: str, folder: str, name: str, content: Content) -> Node:
    """Add a file to *folder* of a home, under a numbered name where *name* is taken.

    Folders on the way are made, and get a new etag.
    """
    parent = await make_folder(session, owner_id, folder)
    taken = await session.scalars(select(Node.name).where(Node.owner_id == owner_id, Node.parent == parent))
    return await _add(session, owner_id, joined(parent, numbered_name(name, frozenset(taken))), content)


async def place(session: AsyncSession, user_id: str, path: str, *, folder: bool = False) -> Entry | None:
    """Return what is at *path*, where the user wants to write a file, or a *folder*.

    Raises:
        Refused: 409 the folder above is not there, 403 the place is somebody else's or kept for a folder.
    """
    if not path:
        raise Refused(405, "the home is there already")
    parent = await find(session, user_id, parent_of(path)) if parent_of(path) else None
    if parent_of(path) and (parent is None or not parent.is_folder):
        raise Refused(409, "the folder above does not exist")
    existing = await find(session, user_id, path)
    if existing is not None and existing.shared:
        raise Refused(403, "files of others can only be read")
    if not folder and path == await attachment_folder(session, user_id):
        raise Refused(403, "this name is kept for the folder of shared files")
    return existing


async def put(session: AsyncSession, user_id: str, path: str, content: Content) -> Changed:
    """Write a file, or new content into the file that is there.

    Raises:
        Refused: as :func:`place`; 409 a folder is there.
    """
    existing = await place(session, user_id, path)
    await make_folder(session, user_id, parent_of(path))
    if existing is None:
        return Changed(await _add(session, user_id, path, content), created=True)
    node = existing.node
    if node.blob_id is None:
        raise Refused(409, "there is a folder of this name")
    dropped = (node.blob_id,)
    node.blob_id, node.size_bytes, node.media_type = content.blob_id, content.size_bytes, content.media_type
    node.etag, node.modified_at = new_etag(), utc_now()
    await session.flush()
    return Changed(node, created=False, dropped=dropped)


async def make(session: AsyncSession, user_id: str, path: str) -> Node:
    """Make a folder.

    Raises:
        Refused: 405 something is there; else as :func:`place`.
    """
    if await find(session, user_id, path) is not None or not path:
        raise Refused(405, "something of this name exists")
    await place(session, user_id, path, folder=True)
    await make_folder(session, user_id, path)
    made = await find(session, user_id, path)
    assert made is not None
    return made.node


async def remove(session: AsyncSession, user_id: str, path: str) -> tuple[str, ...]:
    """Delete a file, or a folder with everything in it, and return the blobs to delete after the commit.

    Raises:
        Refused: 404 nothing is there, 403 it is the home or somebody else's.
    """
    entry = await _own(session, user_id, path)
    dropped = await _remove(session, entry)
    await make_folder(session, user_id, parent_of(path))
    return dropped


async def move(session: AsyncSession, user_id: str, source: str, target: str, *, overwrite: bool) -> Changed:
    """Move a file, or a folder with everything in it.

    Raises:
        Refused: 404 nothing is there, 403 it or the target is somebody else's, the home or the same, 409 no
            folder above the target or one of the two lies in the other, 412 something is there and
            *overwrite* is False.
    """
    entry, existing = await _both(session, user_id, source, target, overwrite=overwrite)
    node = entry.node
    dropped = await _remove(session, existing, keeping=node) if existing else ()
    times = await times_only_of(session, node)
    if entry.is_folder:
        await _rebase(session, user_id, source, target)
    node.parent, node.name = parent_of(target), name_of(target)
    await session.flush()
    if times is not None:
        await bring(session, times, node)
    await make_folder(session, user_id, parent_of(source))
    await make_folder(session, user_id, parent_of(target))
    return Changed(node, created=existing is None, dropped=dropped)


async def to_copy(
    session: AsyncSession, user_id: str, source: str, target: str, *, overwrite: bool, deep: bool
) -> list[Node]:
    """Return what a copy consists of, the source first. Without *deep* a folder is copied empty.

    Raises:
        Refused: as :func:`move`, but files of others may be copied.
    """
    entry, _ = await _both(session, user_id, source, target, overwrite=overwrite, copying=True)
    nodes = [entry.node]
    if not entry.shared and (times := await times_of(session, entry.node)):
        nodes.append(times)
    if entry.is_folder and deep:
        below = select(Node).where(Node.owner_id == user_id, in_tree(source))
        nodes += await session.scalars(below.order_by(Node.id))
    return nodes


async def copy(
    session: AsyncSession,
    user_id: str,
    source: str,
    target: str,
    *,
    overwrite: bool,
    deep: bool,
    blobs: Mapping[str, str],
) -> Changed:
    """Copy a file or folder. *blobs* has the copy of every blob of :func:`to_copy`.

    Raises:
        Refused: as :func:`to_copy`; 409 the source has changed since.
    """
    nodes = await to_copy(session, user_id, source, target, overwrite=overwrite, deep=deep)
    if any(node.blob_id is not None and node.blob_id not in blobs for node in nodes):
        raise Refused(409, "the source was changed meanwhile")
    existing = await find(session, user_id, target)
    dropped = await _remove(session, existing, keeping=nodes[0]) if existing else ()
    await make_folder(session, user_id, parent_of(target))
    copies = [_copied(node, user_id, blobs) for node in nodes]
    copies[0].parent, copies[0].name = parent_of(target), name_of(target)
    for copied in copies[1:]:
        if copies[0].blob_id is not None:
            await bring(session, copied, copies[0])
        else:
            copied.parent = target + copied.parent[len(source) :]
    if any(len(copied.path) > MAX_PATH_CHARS for copied in copies):
        raise Refused(403, "the path would become too long")
    session.add_all(copies)
    await session.flush()
    return Changed(copies[0], created=existing is None, dropped=dropped)


async def _add(session: AsyncSession, owner_id: str, path: str, content: Content) -> Node:
    node = Node(
        owner_id=owner_id,
        parent=parent_of(path),
        name=name_of(path),
        blob_id=content.blob_id,
        size_bytes=content.size_bytes,
        media_type=content.media_type,
        etag=new_etag(),
    )
    session.add(node)
    await session.flush()
    return node


async def _own(session: AsyncSession, user_id: str, path: str, *, copying: bool = False) -> Entry:
    entry = await find(session, user_id, path) if path else None
    if entry is None:
        raise Refused(404 if path else 403, "nothing is there" if path else "the home stays where it is")
    if entry.shared and not copying:
        raise Refused(403, "files of others can only be read")
    return entry


async def _both(
    session: AsyncSession, user_id: str, source: str, target: str, *, overwrite: bool, copying: bool = False
) -> tuple[Entry, Entry | None]:
    entry = await _own(session, user_id, source, copying=copying)
    if source == target:
        raise Refused(403, "source and destination are the same")
    if contains(source, target) or contains(target, source):
        raise Refused(409, "source and destination lie in each other")
    existing = await place(session, user_id, target, folder=entry.is_folder)
    if existing is not None and not overwrite:
        raise Refused(412, "something is there already")
    return entry, existing


async def _remove(session: AsyncSession, entry: Entry, *, keeping: Node | None = None) -> tuple[str, ...]:
    node = entry.node
    if node.blob_id is not None:
        times = await times_only_of(session, node)
        gone = [node] if times is None or times is keeping else [node, times]
        for one in gone:
            await session.delete(one)
        await session.flush()
        return tuple(one.blob_id for one in gone if one.blob_id)
    below = (Node.owner_id == node.owner_id, in_tree(node.path))
    blobs = await session.scalars(select(Node.blob_id).where(*below, Node.blob_id.is_not(None)))
    dropped = tuple(blob_id for blob_id in blobs if blob_id)
    await session.execute(delete(Node).where(*below).execution_options(synchronize_session="fetch"))
    await session.delete(node)
    await session.flush()
    return dropped


async def _rebase(session: AsyncSession, user_id: str, source: str, target: str) -> None:
    """Move all that lies below *source* to below *target*."""
    below = (Node.owner_id == user_id, in_tree(source))
    length = func.length(Node.parent) + 1 + func.length(Node.name)
    longest = await session.scalar(select(func.max(length)).where(*below))
    if (longest or 0) - len(source) + len(target) > MAX_PATH_CHARS:
        raise Refused(403, "the path would become too long")
    rest = func.substr(Node.parent, len(source) + 1)
    moved = update(Node).where(*below).values(parent=literal(target).concat(rest))
    await session.execute(moved.execution_options(synchronize_session="fetch"))


def _copied(node: Node, owner_id: str, blobs: Mapping[str, str]) -> Node:
    return Node(
        owner_id=owner_id,
        parent=node.parent,
        name=node.name,
        blob_id=blobs[node.blob_id] if node.blob_id is not None else None,
        size_bytes=node.size_bytes,
        media_type=node.media_type,
        etag=new_etag(),
    )
