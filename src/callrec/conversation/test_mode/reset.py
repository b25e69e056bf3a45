"""Forgetting all conversations at once, between two tests. Users, their files and the app config stay."""

from sqlalchemy import delete, select

from callrec.conversation.blobs.store import BlobStore
from callrec.conversation.db.engine import Database
from callrec.conversation.db.tables_outbox import OutboxEntry
from callrec.conversation.db.tables_recordings import StoredRecording
from callrec.conversation.db.tables_rooms import Room
from callrec.conversation.db.tables_uploads import UploadLink
from callrec.conversation.files_arrival import discard
from callrec.conversation.upload_links import remove_link


async def forget_everything(db: Database, blobs: BlobStore) -> None:
    """Delete the rooms with all that goes with them, and what is queued for the far sides.

    Nobody is told: neither the far sides nor who is in a call.
    """
    async with db.write() as tx:
        links = (await tx.scalars(select(UploadLink))).all()
        dropped = [blob_id for link in links for blob_id in await remove_link(tx, link)]
        for table in (OutboxEntry, StoredRecording, Room):
            await tx.execute(delete(table))
    await discard(blobs, dropped)
