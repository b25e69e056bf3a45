"""Blobs on the local disk: ``blobs/{id}``, and ``incoming/{id}`` while they arrive.

Both lie in one directory, so that finishing a blob is a rename.
"""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable, Container
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, TypeVar

from callrec.conversation.blobs.store import (
    WRITE_BYTES,
    BlobFailed,
    BlobMissing,
    Incoming,
    checked_id,
    new_id,
)
from callrec.errors import SettingsError

_OWNER = "owner"
_T = TypeVar("_T")


class LocalBlobs:
    """Files under *directory*, which is made when missing. A ``BlobStore``."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._blobs = directory / "blobs"
        self._incoming = directory / "incoming"

    async def claim(self, owner: str) -> None:
        """Make the folders, and see whose they are."""
        try:
            found = await asyncio.to_thread(self._claim, owner)
        except OSError as error:
            raise SettingsError(f"{self._directory}: {error.strerror or error}") from error
        if found != owner:
            raise SettingsError(
                f"{self._directory}: the files belong to another database. Restore both together, or use "
                "another data directory"
            )

    def _claim(self, owner: str) -> str:
        for folder in (self._blobs, self._incoming):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        mark = self._directory / _OWNER
        try:
            with mark.open("x") as file:
                file.write(owner)
                file.flush()
                os.fsync(file.fileno())
        except FileExistsError:
            return mark.read_text()
        _sync_directory(self._directory)
        return owner

    @asynccontextmanager
    async def receive(self, *, expected_bytes: int | None = None) -> AsyncIterator[Incoming]:
        """Begin a blob."""
        incoming = _LocalIncoming(self._incoming, self._blobs)
        try:
            await incoming.open()
            yield incoming
        finally:
            await _in_thread(incoming.close)

    @asynccontextmanager
    async def read(
        self, blob_id: str, start: int = 0, end: int | None = None
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """Open a blob."""
        file = await _in_thread(_open, self._path(blob_id), start)
        try:
            yield _pieces(file, None if end is None else end - start)
        finally:
            file.close()

    def local_path(self, blob_id: str) -> Path | None:
        """Return where the blob lies."""
        return self._path(blob_id)

    async def copy(self, blob_id: str) -> str:
        """Make another blob of the same bytes."""
        copied = new_id()
        await _in_thread(self._copy, self._path(blob_id), copied)
        return copied

    def _copy(self, source: Path, copied: str) -> None:
        try:
            # Blobs do not change, so a second name does what a second file would.
            os.link(source, self._blobs / copied)
        except FileNotFoundError:
            raise
        except OSError:  # a volume without hard links
            arriving = self._incoming / copied
            try:
                shutil.copyfile(source, arriving)
                _sync_file(arriving)
                arriving.rename(self._blobs / copied)
            finally:
                arriving.unlink(missing_ok=True)
        _sync_directory(self._blobs)

    async def delete(self, blob_id: str) -> None:
        """Delete a blob."""
        await _in_thread(self._path(blob_id).unlink, True)

    async def sweep(self, known: Container[str], *, older_than: datetime) -> int:
        """Delete what is old and unknown."""
        return await _in_thread(self._sweep, known, older_than.timestamp())

    def _sweep(self, known: Container[str], before_s: float) -> int:
        orphans = [*self._incoming.iterdir()]
        orphans += [blob for blob in self._blobs.iterdir() if blob.name not in known]
        swept = 0
        for orphan in orphans:
            try:
                # Not mtime: a copy that is a second name keeps that of its source.
                if orphan.stat().st_ctime < before_s:
                    orphan.unlink()
                    swept += 1
            except FileNotFoundError:  # it has just arrived, or been deleted
                continue
        return swept

    def _path(self, blob_id: str) -> Path:
        return self._blobs / checked_id(blob_id)


class _LocalIncoming(Incoming):
    def __init__(self, incoming: Path, blobs: Path) -> None:
        super().__init__(new_id())
        self._arriving = incoming / self.blob_id
        self._blobs = blobs
        self._file: BinaryIO | None = None

    async def open(self) -> None:
        self._file = await _in_thread(self._arriving.open, "xb")

    async def _keep(self, data: bytes) -> None:
        await _in_thread(self._write_now, data)

    async def _complete(self, data: bytes) -> None:
        await _in_thread(self._complete_now, data)

    def _write_now(self, data: bytes) -> None:
        assert self._file is not None
        self._digest.update(data)
        self._file.write(data)

    def _complete_now(self, data: bytes) -> None:
        self._write_now(data)
        assert self._file is not None
        self._file.flush()
        os.fsync(self._file.fileno())
        self._arriving.rename(self._blobs / self.blob_id)
        _sync_directory(self._blobs)

    def close(self) -> None:
        """Close the file; one that was not finished goes."""
        if self._file is not None:
            try:
                self._file.close()
            finally:
                self._arriving.unlink(missing_ok=True)


async def _in_thread(action: Callable[..., _T], *arguments: object) -> _T:
    """Run *action* in a thread and wait for its end even when cancelled: nobody closes a file in use.

    Raises:
        BlobFailed: the disk refuses.
    """
    running = asyncio.ensure_future(asyncio.to_thread(action, *arguments))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait({running})
        running.exception()  # its failure is nobody's business any more
        raise
    except FileNotFoundError as error:
        raise BlobMissing(str(error)) from error
    except OSError as error:
        raise BlobFailed(str(error)) from error


def _open(path: Path, start: int) -> BinaryIO:
    file = path.open("rb", buffering=0)
    file.seek(start)
    return file


async def _pieces(file: BinaryIO, length: int | None) -> AsyncIterator[bytes]:
    left = length
    while left is None or left > 0:
        data = await _in_thread(file.read, WRITE_BYTES if left is None else min(WRITE_BYTES, left))
        if not data:
            return
        left = None if left is None else left - len(data)
        yield data


def _sync_file(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
