"""The body of a composing process: behind the call while it runs, and to the end when it is over."""

import multiprocessing
import os
import threading
import time
from multiprocessing.connection import wait
from pathlib import Path

import structlog

from callrec.clock import boot_id, monotonic_ns
from callrec.errors import NothingToCompose
from callrec.recorder.compose.composer import Composer
from callrec.recorder.compose.film import Chunk, ComposeOptions, chunks_of, whole_chunk
from callrec.recorder.compose.ingest import LOOKAHEAD_MS
from callrec.recorder.compose.join import join
from callrec.recorder.folder.manifest import Manifest
from callrec.recorder.folder.reader import FolderReader

__all__ = ["ComposeOptions", "compose_once", "run_worker"]

_log = structlog.get_logger()

_NICE = 15
_POLL_S = 0.25
# Capture hands its packets to the kernel a little after they arrive.
_FLUSHED_AFTER_MS = 1000


def run_worker(root: Path, options: ComposeOptions) -> None:
    """Compose the recording in folder *root*, from while it is captured until its film is in ``output``.

    To be run in a process of its own, which ends with its parent. It can be killed and run again at any time.

    Raises:
        NothingToCompose: capture is closed and the film has no beginning, no end, or no length.
        FolderDamaged: manifest or a track.json cannot be read.
    """
    os.nice(_NICE)
    _end_with_parent()
    worker = _Worker(FolderReader.at(root), options)
    while (manifest := worker.reader.manifest()).closed_at is None:
        chunk = worker.next_behind(manifest)
        if chunk is None:
            time.sleep(_POLL_S)
        else:
            worker.composer(manifest).compose(chunk)
    worker.finish(manifest)


def compose_once(root: Path, options: ComposeOptions) -> Path:
    """Compose what is left to compose of a closed recording, and return the film's path.

    Raises:
        NothingToCompose: the film has no beginning, no end, or no length.
        FolderDamaged: manifest or a track.json cannot be read.
    """
    worker = _Worker(FolderReader.at(root), options)
    return worker.finish(worker.reader.manifest())


class _Worker:
    def __init__(self, reader: FolderReader, options: ComposeOptions) -> None:
        self.reader = reader
        self._options = options
        self._composer: Composer | None = None
        self._behind = 0

    def composer(self, manifest: Manifest) -> Composer:
        """Return the one composer, made as soon as it is known where the film begins."""
        if self._composer is None:
            assert manifest.started_ms is not None, "the film has a beginning"
            self._composer = Composer(
                self.reader, self._options, started_ms=manifest.started_ms, video=manifest.video
            )
        return self._composer

    def next_behind(self, manifest: Manifest) -> Chunk | None:
        """Return the next whole chunk for which the log is complete, None as long as there is none."""
        # On another boot the time line cannot be told from here; the rest is composed when capture is closed.
        if manifest.started_ms is None or manifest.anchor.boot_id != boot_id():
            return None
        chunk = whole_chunk(self._behind, self._options.fps)
        now_ms = (monotonic_ns() - manifest.anchor.monotonic_ns) / 1e6
        if manifest.started_ms + chunk.end_ms + LOOKAHEAD_MS + _FLUSHED_AFTER_MS > now_ms:
            return None
        self._behind += 1
        return chunk

    def finish(self, manifest: Manifest) -> Path:
        """Compose what is missing and join it."""
        if manifest.started_ms is None or manifest.stop_ms is None:
            raise NothingToCompose("the recording was never started, or has no end")
        duration_ms = manifest.stop_ms - manifest.started_ms
        if duration_ms <= 0:
            raise NothingToCompose("the recording ended before it began")
        output = self.reader.paths.output / manifest.file_name
        if output.exists():
            return output
        chunks = chunks_of(duration_ms, self._options.fps)
        if (
            len(chunks) <= self._behind
        ):  # the end lies in what is composed already: a composer never goes back
            self._composer = None
        composer = self.composer(manifest)
        for chunk in chunks:
            composer.compose(chunk)
        composer.report_torn_tails()
        join(chunks, self.reader.paths.chunks, composer.codec, output)
        _log.info("film_joined", chunks=len(chunks), duration_ms=duration_ms)
        return output


def _end_with_parent() -> None:
    """End this process when its parent ends: under forkserver nothing else does."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()
