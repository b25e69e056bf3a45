"""What a place for blobs can do. A blob never changes; its id is 32 random hex digits.

A blob is made whole before its row is committed, so a row never speaks of bytes that are not there. What a
crash, or a refused transaction, leaves without a row is swept (``blobs.sweep``). Nothing here may be called
inside a write transaction: it may be the network.
"""

import hashlib
import re
import secrets
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Container
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from pathlib import Path
from typing import Protocol

from callrec.conversation.media_type import HEAD_BYTES

WRITE_BYTES = 1 << 20
"""How much is collected in memory before it is written: large enough that the thread hop costs nothing."""

_ID = re.compile(r"[0-9a-f]{32}")


class BlobFailed(OSError):
    """The disk or the bucket refuses. Look at the log; nothing was lost, nothing is left behind."""


class BlobMissing(BlobFailed):
    """There is no such blob."""


class Incoming(ABC):
    """A blob that is arriving: written piece by piece in bounded memory, hashed on the way."""

    def __init__(self, blob_id: str) -> None:
        self.blob_id = blob_id
        self.size_bytes = 0
        """What has come so far."""
        self.head = b""
        """The first bytes, enough to tell the media type."""
        self._digest = hashlib.sha256()
        self._pending: list[bytes] = []
        self._pending_bytes = 0

    @property
    def sha256(self) -> str:
        """The SHA-256 of the whole, in hex; to be asked after :meth:`finish`."""
        return self._digest.hexdigest()

    async def write(self, data: bytes) -> None:
        """Take the next bytes.

        Raises:
            BlobFailed: they cannot be kept. Nothing more can be written.
        """
        if len(self.head) < HEAD_BYTES:
            self.head = (self.head + data)[:HEAD_BYTES]
        self.size_bytes += len(data)
        self._pending.append(data)
        self._pending_bytes += len(data)
        if self._pending_bytes >= WRITE_BYTES:
            await self._keep(self._take_pending())

    async def finish(self) -> str:
        """Make the blob durable and visible under its id, at once, and return that id.

        Raises:
            BlobFailed: it cannot be kept; it is not there.
        """
        await self._complete(self._take_pending())
        return self.blob_id

    def _take_pending(self) -> bytes:
        data = b"".join(self._pending)
        self._pending.clear()
        self._pending_bytes = 0
        return data

    @abstractmethod
    async def _keep(self, data: bytes) -> None:
        """Hash and write *data*."""

    @abstractmethod
    async def _complete(self, data: bytes) -> None:
        """Hash and write *data*, the last; then make the whole durable and visible."""


class BlobStore(Protocol):
    """A place for blobs. Its methods raise BlobFailed when the place refuses."""

    async def claim(self, owner: str) -> None:
        """Make sure that the place belongs to the database *owner*; a new place does from now on.

        Raises:
            SettingsError: it belongs to another database, or cannot be reached.
        """
        ...

    def receive(self, *, expected_bytes: int | None = None) -> AbstractAsyncContextManager[Incoming]:
        """Begin a blob. Left before ``finish``, nothing of it stays. *expected_bytes* is a hint."""
        ...

    def read(
        self, blob_id: str, start: int = 0, end: int | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Open the bytes from *start* up to *end* (exclusive; None: the end of the blob).

        Raises:
            BlobMissing: there is no such blob (when the context is entered).
        """
        ...

    def local_path(self, blob_id: str) -> Path | None:
        """Return where the bytes lie on this machine's disk, None when they do not."""
        ...

    async def copy(self, blob_id: str) -> str:
        """Make another blob of the same bytes and return its id.

        Raises:
            BlobMissing: there is no such blob.
        """
        ...

    async def delete(self, blob_id: str) -> None:
        """Delete a blob; nothing happens when it is gone."""
        ...

    async def sweep(self, known: Container[str], *, older_than: datetime) -> int:
        """Delete what was last changed before *older_than* and is not *known*; return how many that were.

        Unfinished arrivals count as unknown.
        """
        ...


def new_id() -> str:
    """Return a fresh blob id."""
    return secrets.token_hex(16)


def is_id(text: str) -> bool:
    """Tell whether *text* has the form of a blob id."""
    return _ID.fullmatch(text) is not None


def checked_id(blob_id: str) -> str:
    """Return *blob_id*.

    Raises:
        ValueError: it has not the form of one: nothing else may become a path or a key.
    """
    if not is_id(blob_id):
        raise ValueError("blob_id: must be 32 hex digits")
    return blob_id
