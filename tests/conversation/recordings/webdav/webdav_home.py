"""A home over WebDAV: requests about it, and what is in it."""

import httpx
from sqlalchemy import select

from callrec.conversation.db.tables_recordings import Node
from tests.conversation.recording_world import World

DAV = "/remote.php/dav/files"
HOME = f"{DAV}/mira"


async def dav(client: httpx.AsyncClient, method: str, path: str, **headers: str) -> int:
    """Send a request about *path* of the home and return the status."""
    return (await client.request(method, f"{HOME}/{path}", headers=headers)).status_code


async def put(
    client: httpx.AsyncClient, path: str, content: bytes = b"x", headers: dict[str, str] | None = None
) -> httpx.Response:
    return await client.put(f"{HOME}/{path}", content=content, headers=headers)


async def tree(world: World) -> list[str]:
    """Return the paths of Mira's files and folders (with a slash); there is a blob for each file."""
    async with world.core.db.read() as session:
        nodes = (await session.scalars(select(Node).where(Node.owner_id == "mira", Node.name != ""))).all()
        kept = set(await session.scalars(select(Node.blob_id).where(Node.blob_id.is_not(None))))
    assert await world.storage.blob_ids() == kept
    return sorted(node.path + ("" if node.blob_id else "/") for node in nodes)


def to(path: str, home: str = HOME) -> dict[str, str]:
    return {"Destination": f"http://talk.example.net/sub{home}/{path}"}
