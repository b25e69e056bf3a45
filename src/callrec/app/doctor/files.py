"""Examining where stored recordings lie."""

import asyncio
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from callrec.app.doctor.finding import Finding, failed, ok
from callrec.conversation.blobs.configured import configured_blobs
from callrec.conversation.blobs.store import BlobStore
from callrec.conversation.core import Core
from callrec.conversation.db.tables_recordings import Node


async def files(core: Core) -> Finding:
    """Examine whether a file can be kept and deleted, and whether those that the database knows are there."""
    check = "files"
    blobs = configured_blobs(core.config.data, core.config.settings)
    try:
        async with blobs.receive(expected_bytes=1) as incoming:
            await incoming.write(b"\0")
            blob_id = await incoming.finish()
        await blobs.delete(blob_id)
    except OSError as error:
        remedy = "Look at the folder's owner and disk, or at address and credentials of the bucket."
        return failed(check, f"nothing can be kept: {error}", remedy)
    try:
        async with core.db.read() as session:
            known = [blob for blob in await session.scalars(select(Node.blob_id)) if blob]
    except SQLAlchemyError:
        return ok(check, "can be written; the database cannot say which there should be")
    missing = await asyncio.to_thread(_missing, blobs, known)
    if missing:
        remedy = "Restore database and files together, from one backup."
        return failed(check, f"{len(missing)} of {len(known)} are gone, such as {missing[0]}", remedy)
    return ok(check, f"can be written; {len(known)} are known")


def _missing(blobs: BlobStore, known: list[str]) -> list[Path]:
    places = (blobs.local_path(blob_id) for blob_id in known)
    return [place for place in places if place is not None and not place.is_file()]
