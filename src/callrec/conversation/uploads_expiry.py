"""Deletes uploads and upload links that have expired, while the server runs."""

import asyncio

import structlog
from sqlalchemy.exc import SQLAlchemyError

from callrec.conversation.upload_links import UploadLinks
from callrec.conversation.uploads import Uploads

INTERVAL_S = 3600

log = structlog.get_logger()


async def run_uploads_expiry(uploads: Uploads, links: UploadLinks) -> None:
    """Look at once and then every hour, until cancelled."""
    while True:
        try:
            await uploads.forget_old()
            await links.forget_old()
        except SQLAlchemyError as error:  # the database may be back in an hour
            log.warning("uploads_not_expired", error=str(error))
        await asyncio.sleep(INTERVAL_S)
