"""The folders of a home: which are special, and how they come to be (docs/wire.md, Files)."""

import secrets

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from callrec.conversation.db.base import utc_now
from callrec.conversation.db.tables_config import AppConfig
from callrec.conversation.db.tables_recordings import Node
from callrec.conversation.db.tables_users import UserPreference
from callrec.conversation.files_names import numbered_name
from callrec.conversation.files_paths import clean_path, joined

ATTACHMENT_FOLDER = "Talk"
"""Where files shared by rooms appear, and recordings go below, unless somebody has chosen another."""


async def attachment_folder(session: AsyncSession, user_id: str) -> str:
    """Return the folder in which files shared by rooms appear."""
    return await _chosen(session, user_id, "attachment_folder") or await _default_folder(session)


async def recording_folder(session: AsyncSession, user_id: str, token: str) -> str:
    """Return the folder for recordings of the room *token*."""
    chosen = await _chosen(session, user_id, "recording_folder")
    return joined(chosen or f"{await attachment_folder(session, user_id)}/Recording", token)


async def make_folder(session: AsyncSession, owner_id: str, path: str) -> str:
    """Make the folder *path* with all above it, and return its path.

    Where a file has the name of a folder on the way, the folder gets a numbered name. Folders that are there
    get a new etag, because something in them is about to change.
    """
    await _touch_or_make(session, owner_id, "", "")
    made = ""
    for part in path.split("/") if path else ():
        made = joined(made, await _touch_or_make(session, owner_id, made, part))
    return made


def new_etag() -> str:
    """Return an entity tag that was never used."""
    return secrets.token_hex(16)


async def _touch_or_make(session: AsyncSession, owner_id: str, parent: str, name: str) -> str:
    here = (Node.owner_id == owner_id, Node.parent == parent)
    node = await session.scalar(select(Node).where(*here, Node.name == name))
    if node is not None and node.blob_id is not None:
        files = frozenset(await session.scalars(select(Node.name).where(*here, Node.blob_id.is_not(None))))
        name = numbered_name(name, files)
        node = await session.scalar(select(Node).where(*here, Node.name == name))
    if node is None:
        session.add(Node(owner_id=owner_id, parent=parent, name=name, etag=new_etag()))
    else:
        node.etag = new_etag()
        node.modified_at = utc_now()
    await session.flush()
    return name


async def _default_folder(session: AsyncSession) -> str:
    """Return the folder that an administrator has chosen for everybody; what is no path counts as none."""
    value = await session.scalar(
        select(AppConfig.value).where(AppConfig.app == "spreed", AppConfig.key == "default_attachment_folder")
    )
    return clean_path(value or "") or ATTACHMENT_FOLDER


async def _chosen(session: AsyncSession, user_id: str, key: str) -> str | None:
    """Return the folder that a user has chosen; the home itself and what is no path count as none."""
    preference = await session.get(UserPreference, (user_id, key))
    return clean_path(preference.value) or None if preference else None
