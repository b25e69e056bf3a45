"""The body of a composing process: behind the call while it runs, and to the end when it is over."""

import contextlib
import time
from multiprocessing.connection import Connection
from pathlib import Path

import structlog

from callrec.clock import boot_id, monotonic_ns
from callrec.errors import NothingToCompose
from callrec.recorder.compose.child import Heartbeat, Tell, begin_child
from callrec.recorder.compose.composer import Composer
from callrec.recorder.compose.crew import compose_missing
from callrec.recorder.compose.film import Chunk, ComposeOptions, chunks_of, whole_chunk
from callrec.recorder.compose.finish import finish
from callrec.recorder.compose.formats import format_of
from callrec.recorder.compose.hands import Hands
from callrec.recorder.compose.ingest import LOOKAHEAD_MS
from callrec.recorder.compose.plan import Plan
from callrec.recorder.compose.slots import PATIENT_S, WAITING_S
from callrec.recorder.folder.leftovers import sweep_composed
from callrec.recorder.folder.manifest import Manifest
from callrec.recorder.folder.paths import FolderPaths
from callrec.recorder.folder.reader import FolderReader

__all__ = ["ComposeOptions", "compose_once", "run_worker"]

_log = structlog.get_logger()

_POLL_S = 0.25
# Capture hands its packets to the kernel a little after they arrive.
_FLUSHED_AFTER_MS = 1000
_ALONE = Hands()


def run_worker(
    root: Path,
    options: ComposeOptions,
    hands: Hands = _ALONE,
    tracks: Path | None = None,
    parent: Connection | None = None,
) -> None:
    """Compose the recording in folder *root*, from while it is captured until its film is in ``output``.

    To be run in a process of its own, which ends with its parent. It can be killed and run again at any time.
    Behind the call it works alone; what is left then may be worth further *hands*, which are children of it.
    *tracks* is a directory to be made of each participant's own sound and pictures. Level and event of
    warnings and errors are sent to *parent*, and ``ALIVE`` while it waits.

    Raises:
        NothingToCompose: capture is closed and the film has no beginning, no end, or no length.
        FolderDamaged: manifest or a track.json cannot be read.
    """

    def tell(level: str, event: str) -> None:
        if parent is not None:
            with contextlib.suppress(OSError):  # it is gone: nobody counts any more
                parent.send((level, event))

    begin_child(hands.logs, root.name, tell)
    sweep_composed(FolderPaths(root))  # of a worker that was killed; its helpers ended with it
    worker = _Worker(FolderReader.at(root), options, hands, tracks, tell)
    while (manifest := worker.reader.manifest()).closed_at is None:
        chunk = worker.next_behind(manifest)
        if chunk is None:
            worker.alive()
            time.sleep(_POLL_S)
        else:
            worker.compose(manifest, chunk, PATIENT_S)
    worker.finish(manifest)


def compose_once(root: Path, options: ComposeOptions) -> Path:
    """Compose what is left to compose of a closed recording, in this process, and return the film's path.

    Raises:
        NothingToCompose: the film has no beginning, no end, or no length.
        FolderDamaged: manifest or a track.json cannot be read.
    """
    worker = _Worker(FolderReader.at(root), options, _ALONE, None, lambda _level, _event: None)
    return worker.finish(worker.reader.manifest())


class _Worker:
    def __init__(
        self, reader: FolderReader, options: ComposeOptions, hands: Hands, tracks: Path | None, tell: Tell
    ) -> None:
        self.reader = reader
        self._options = options
        self._hands = hands
        self._tracks = tracks
        self._tell = tell
        self.alive = Heartbeat(tell)
        self._composer: Composer | None = None
        self._behind = 0
        self._newest = -1

    def plan(self, manifest: Manifest) -> Plan:
        """Return the film's plan, which is known as soon as it is known where the film begins."""
        assert manifest.started_ms is not None, "the film has a beginning"
        coding = format_of(manifest.file_name).coding if manifest.video else "sound"
        return Plan(self.reader.paths.root, self._options, manifest.started_ms, coding)

    def compose(
        self, manifest: Manifest, chunk: Chunk, wait_s: float = WAITING_S, *, last: bool = False
    ) -> None:
        """Compose *chunk* when there is a slot; the *last* one on two cores where another slot is free."""
        if self._composer is None or chunk.index <= self._newest:  # a composer never goes back
            self._composer = self.plan(manifest).composer()
        self._newest = chunk.index
        with self._hands.slot(wait_s, self.alive):
            helped = self._hands.another_slot() if last else contextlib.nullcontext(False)
            with helped as beside:
                self._composer.compose(chunk, beside=beside)

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
        """Compose what is missing and make the film of it, and what belongs to it."""
        if manifest.started_ms is None or manifest.stop_ms is None:
            raise NothingToCompose("the recording was never started, or has no end")
        duration_ms = manifest.stop_ms - manifest.started_ms
        if duration_ms <= 0:
            raise NothingToCompose("the recording ended before it began")
        output = self.reader.paths.film(manifest.file_name)
        if output.exists():
            return output
        plan = self.plan(manifest)
        last = chunks_of(duration_ms, self._options.fps)[-1]

        def own(chunk: Chunk) -> None:
            self.compose(manifest, chunk, last=chunk == last)
            if chunk == last and self._composer is not None:
                self._composer.report_damage()

        for _ in compose_missing(plan, duration_ms, self._hands, own=own, tell=self._tell):
            pass
        finish(plan, duration_ms, output, self._tracks)
        return output
