"""Deleting blobs that no row speaks of: what crashes and refused transactions left."""

from datetime import timedelta

import structlog
from sqlalchemy import select

from callrec.conversation.blobs.store import BlobFailed, BlobStore
from callrec.conversation.db.base import utc_now
from callrec.conversation.db.engine import Database
from callrec.conversation.db.tables_recordings import Node
from callrec.conversation.db.tables_uploads import ArrivedFile, UploadChunk

BLOB_COLUMNS = (Node.blob_id, ArrivedFile.blob_id, UploadChunk.blob_id)
"""Where blob ids are kept. A column that is not here loses its blobs."""
GRACE = timedelta(days=1)
"""How old an unknown blob must be when other server processes may be about to commit its row."""

log = structlog.get_logger()


async def sweep(db: Database, blobs: BlobStore) -> None:
    """Delete what is unknown. To be called before anything arrives here."""
    began = utc_now()
    known: set[str] = set()
    async with db.read() as session:
        for column in BLOB_COLUMNS:
            known.update(blob_id for blob_id in await session.scalars(select(column)) if blob_id)
    try:
        count = await blobs.sweep(known, older_than=began if db.exclusive else began - GRACE)
    except BlobFailed as error:  # the next start tries again
        log.warning("files_not_swept", error=str(error))
    else:
        if count:
            log.info("files_swept", count=count)
