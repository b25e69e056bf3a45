"""The bytes of files on disk, named by ids of ours: ``blobs/{id}``, and ``incoming/{id}`` while they arrive.

Both lie in one directory, so that keeping a file is a rename. A file is kept before its row is committed;
what a crash leaves without a row is swept at start-up.
"""

import os
import re
import secrets
from collections.abc import Container
from pathlib import Path

import structlog

_ID = re.compile(r"[0-9a-f]{32}")
log = structlog.get_logger()


class BlobStore:
    """Files under *directory*, which is made when missing."""

    def __init__(self, directory: Path) -> None:
        self._blobs = directory / "blobs"
        self._incoming = directory / "incoming"
        for folder in (self._blobs, self._incoming):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    @property
    def incoming(self) -> Path:
        """Where files are written while they arrive."""
        return self._incoming

    def path(self, blob_id: str) -> Path:
        """Return where the bytes of *blob_id* are."""
        if not _ID.fullmatch(blob_id):
            raise ValueError("blob_id: must be 32 hex digits")
        return self._blobs / blob_id

    def keep(self, arrived: Path) -> str:
        """Take the fsynced file *arrived* (in :attr:`incoming`) for good and return its new id.

        When this returns, the name is durable.

        Raises:
            OSError: the file is not there, or the volume refuses.
        """
        blob_id = secrets.token_hex(16)
        arrived.rename(self.path(blob_id))
        _sync_directory(self._blobs)
        return blob_id

    def sweep(self, known: Container[str]) -> int:
        """Delete unfinished arrivals and every blob that is not *known*; return how many.

        Only for start-up, before anything arrives.
        """
        orphans = [*self._incoming.iterdir()]
        orphans += [blob for blob in self._blobs.iterdir() if blob.name not in known]
        for orphan in orphans:
            orphan.unlink()
        if orphans:
            log.info("files_swept", count=len(orphans))
        return len(orphans)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
