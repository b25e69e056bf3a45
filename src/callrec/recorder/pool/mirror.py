"""Copies of unfinished recording folders in shared blob storage, from which another recorder can go on.

A file that cannot change any more (a closed segment, a chunk) is copied once; others when they have changed.
The segment that is being written is copied when it is closed: a lost machine costs that much of the call.
"""

import asyncio
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import obstore
import structlog
from obstore.exceptions import BaseError
from obstore.store import LocalStore, S3Store

from callrec.errors import MirrorAway
from callrec.recorder.folder.manifest import Manifest, decode_manifest
from callrec.recorder.folder.paths import SEGMENT_SUFFIX, FolderPaths, number_in

if TYPE_CHECKING:
    from obstore import ObjectMeta  # known to type checkers only

PREFIX = "recordings"
PROBE = "probe"
MANIFEST = "manifest.json"
_FAILURES = (BaseError, OSError)

log = structlog.get_logger()


class Mirror:
    """Copies folders of this recorder, and fetches those of others. All methods raise MirrorAway.

    Each owner of a recording writes below a number of its own, its *epoch* in the ledger, and reads what the
    latest one before it wrote. So one that was cut off, or stood still, and does not know yet that another
    recorder has taken its recording, spoils nobody's copy, and no lease need be believed.
    """

    def __init__(self, store: S3Store | LocalStore) -> None:
        self._store = store
        self._copied: dict[tuple[str, int], dict[str, tuple[int, int]]] = {}
        """What of each copy is in the storage: size and time of change by relative path."""
        self._whole: set[tuple[str, int]] = set()
        """Copies of which all was there at least once."""
        self.is_away = False
        """The last that was asked of the storage failed."""

    async def copy(self, recording_id: str, epoch: int, paths: FolderPaths, *, closed: bool) -> None:
        """Bring the copy up to date. *closed*: capture has ended, so that every segment is whole."""
        key = (recording_id, epoch)
        copied = self._copied.setdefault(key, {})
        for name, mark in await asyncio.to_thread(_worth_copying, paths, closed):
            if copied.get(name) == mark:
                continue
            try:
                content = await asyncio.to_thread((paths.root / name).read_bytes)
            except FileNotFoundError:
                continue  # a chunk that was cut anew
            with self._asking():
                await obstore.put_async(self._store, f"{_prefix(recording_id, epoch)}{name}", content)
            copied[name] = mark
        if MANIFEST in copied and key not in self._whole:  # so those of earlier owners are needed no more
            await self._delete(recording_id, range(epoch))
            self._whole.add(key)

    async def has_copy(self, recording_id: str) -> bool:
        """Tell whether there is a copy from which another recorder can go on."""
        return _newest(await self._list(recording_id)) is not None

    async def manifest(self, recording_id: str) -> Manifest | None:
        """Return the manifest of the newest copy; None when there is none. Raises FolderDamaged."""
        epoch = _newest(await self._list(recording_id))
        if epoch is None:
            return None
        with self._asking():
            path = f"{_prefix(recording_id, epoch)}{MANIFEST}"
            content = await (await obstore.get_async(self._store, path)).bytes_async()
        return decode_manifest(bytes(content), path)

    async def fetch(self, recording_id: str, target: Path) -> bool:
        """Write the newest copy of a folder to *target*, which must not exist; False when there is none.

        Files keep their times of change: they tell when capture last wrote. Raises OSError.
        """
        copies = await self._list(recording_id)
        epoch = _newest(copies)
        if epoch is None:
            return False
        for meta in copies[epoch]:
            name = meta["path"].removeprefix(_prefix(recording_id, epoch))
            if not _is_ours(name):
                log.warning("mirror_foreign_file", recording=recording_id)
                continue
            with self._asking():
                content = await (await obstore.get_async(self._store, meta["path"])).bytes_async()
            await asyncio.to_thread(_write, target / name, bytes(content), meta["last_modified"])
        FolderPaths(target).create()
        log.info("mirror_restored", recording=recording_id, epoch=epoch, files=len(copies[epoch]))
        return True

    async def delete(self, recording_id: str, epoch: int) -> None:
        """Delete the copies of the owner *epoch*, and of those before."""
        self.forget(recording_id)
        await self._delete(recording_id, range(epoch + 1))

    def forget(self, recording_id: str) -> None:
        """It is another recorder's now, or is no more: what is known of its copies is needed no longer."""
        for key in [key for key in self._copied if key[0] == recording_id]:
            del self._copied[key]
            self._whole.discard(key)

    async def _delete(self, recording_id: str, epochs: range) -> None:
        copies = await self._list(recording_id)
        for paths in ([meta["path"] for meta in copies[epoch]] for epoch in copies if epoch in epochs):
            with self._asking():
                await obstore.delete_async(self._store, paths)

    async def probe(self) -> None:
        """Ask whether the storage is there."""
        await self._list(PROBE)

    async def try_out(self) -> None:
        """Write, read and delete something."""
        name = f"{PROBE}/{secrets.token_hex(8)}"
        with self._asking():
            await obstore.put_async(self._store, name, b"callrec")
            content = await (await obstore.get_async(self._store, name)).bytes_async()
            await obstore.delete_async(self._store, [name])
        if bytes(content) != b"callrec":
            raise MirrorAway("mirror: what was written reads otherwise")

    async def _list(self, recording_id: str) -> dict[int, list["ObjectMeta"]]:
        """Return the files in the storage by the epoch of who wrote them."""
        prefix = f"{PREFIX}/{recording_id}/"
        found: dict[int, list[ObjectMeta]] = {}
        with self._asking():
            async for metas in obstore.list(self._store, prefix):
                for meta in metas:
                    number = meta["path"].removeprefix(prefix).partition("/")[0]
                    if number.isascii() and number.isdecimal():
                        found.setdefault(int(number), []).append(meta)
        return found

    @contextmanager
    def _asking(self) -> Iterator[None]:
        try:
            yield
        except _FAILURES as error:
            self.is_away = True
            raise MirrorAway(f"mirror: {type(error).__name__}") from error
        self.is_away = False


def _prefix(recording_id: str, epoch: int) -> str:
    return f"{PREFIX}/{recording_id}/{epoch}/"


def _newest(copies: dict[int, list["ObjectMeta"]]) -> int | None:
    """Return the latest epoch whose copy has a manifest: it is written last."""
    whole = [e for e, metas in copies.items() if any(m["path"].endswith(f"/{e}/{MANIFEST}") for m in metas)]
    return max(whole, default=None)


def _worth_copying(paths: FolderPaths, closed: bool) -> list[tuple[str, tuple[int, int]]]:
    """Return the files to copy with their marks, the manifest last: where it is, the rest is."""
    files = [paths.timeline, *paths.chunks.rglob("*")]
    for number in paths.track_numbers():
        directory = paths.track(number)
        files.append(directory / "track.json")
        indices = [number_in(path.stem) for path in directory.glob(f"*{SEGMENT_SUFFIX}")]
        segments = sorted(index for index in indices if index is not None)
        files += [paths.segment(number, index) for index in (segments if closed else segments[:-1])]
    marked = []
    for path in [*files, paths.manifest]:
        try:
            stat = path.stat()
        except FileNotFoundError:
            continue
        if path.is_file() and not path.name.startswith("."):
            marked.append((path.relative_to(paths.root).as_posix(), (stat.st_size, stat.st_mtime_ns)))
    return marked


def _is_ours(name: str) -> bool:
    """Tell whether a path from the storage stays inside a folder."""
    parts = name.split("/")
    return all(part and not part.startswith(".") and "\\" not in part and "\0" not in part for part in parts)


def _write(path: Path, content: bytes, changed_at: datetime) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    with path.open("rb") as file:
        os.fsync(file.fileno())
    os.utime(path, (changed_at.timestamp(), changed_at.timestamp()))
