"""Copies of unfinished recording folders in shared blob storage, from which another recorder can go on.

A file that cannot change any more (a closed segment, a chunk) is copied once; others when they have changed.
The segment that is being written is copied when it is closed: a lost machine costs that much of the call.
"""

import asyncio
import os
import shutil
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import obstore
import structlog
from obstore.exceptions import BaseError
from obstore.store import LocalStore, S3Store

from callrec.errors import MirrorAway
from callrec.recorder.folder.durable import sync_directory
from callrec.recorder.folder.paths import SEGMENT_SUFFIX, FolderPaths, number_in

PREFIX = "recordings"
_FAILURES = (BaseError, OSError)

log = structlog.get_logger()


@dataclass
class _Copied:
    """What of one folder is in the storage: size and time of change by relative path."""

    files: dict[str, tuple[int, int]] = field(default_factory=dict)
    in_use: asyncio.Lock = field(default_factory=asyncio.Lock)


class Mirror:
    """Copies folders of this recorder, and restores those of others. All methods raise MirrorAway."""

    def __init__(self, store: S3Store | LocalStore) -> None:
        self._store = store
        self._copied: dict[str, _Copied] = {}

    async def copy(self, recording_id: str, paths: FolderPaths, *, closed: bool) -> None:
        """Bring the copy up to date. *closed*: capture has ended, so that every segment is whole."""
        copied = self._copied.setdefault(recording_id, _Copied())
        async with copied.in_use:
            for name, mark in await asyncio.to_thread(_worth_copying, paths, closed):
                if copied.files.get(name) == mark:
                    continue
                try:
                    content = await asyncio.to_thread((paths.root / name).read_bytes)
                    await obstore.put_async(self._store, f"{PREFIX}/{recording_id}/{name}", content)
                except FileNotFoundError:
                    continue  # a chunk that was cut anew
                except _FAILURES as error:
                    raise MirrorAway(f"mirror: {type(error).__name__}") from error
                copied.files[name] = mark

    async def restore(self, recording_id: str, target: Path) -> bool:
        """Write the copy of a folder to *target*, which appears whole; False when there is none.

        Files keep their times of change: they tell when capture last wrote.
        """
        new = target.with_name(f".new-{target.name}")
        await asyncio.to_thread(shutil.rmtree, new, ignore_errors=True)
        prefix = f"{PREFIX}/{recording_id}/"
        found = 0
        try:
            async for metas in obstore.list(self._store, prefix):
                for meta in metas:
                    name = meta["path"].removeprefix(prefix)
                    if not _is_ours(name):
                        log.warning("mirror_foreign_file", recording=recording_id)
                        continue
                    content = await (await obstore.get_async(self._store, meta["path"])).bytes_async()
                    await asyncio.to_thread(_write, new / name, bytes(content), meta["last_modified"])
                    found += 1
        except _FAILURES as error:
            raise MirrorAway(f"mirror: {type(error).__name__}") from error
        if not (new / "manifest.json").exists():
            await asyncio.to_thread(shutil.rmtree, new, ignore_errors=True)
            return False
        FolderPaths(new).create()
        await asyncio.to_thread(_appear, new, target)
        log.info("mirror_restored", recording=recording_id, files=found)
        return True

    async def delete(self, recording_id: str) -> None:
        """Delete the copy."""
        self._copied.pop(recording_id, None)
        try:
            async for metas in obstore.list(self._store, f"{PREFIX}/{recording_id}/"):
                await obstore.delete_async(self._store, [meta["path"] for meta in metas])
        except _FAILURES as error:
            raise MirrorAway(f"mirror: {type(error).__name__}") from error

    def forget(self, recording_id: str) -> None:
        """Another recorder has it now: what is known of its copy is not true any more."""
        self._copied.pop(recording_id, None)


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


def _appear(new: Path, target: Path) -> None:
    new.rename(target)
    sync_directory(target.parent)
