"""Composes the chunks of one recording, in their order."""

from collections.abc import Iterator

import av
import numpy as np
import structlog

from callrec.recorder.compose.director import Director
from callrec.recorder.compose.draw import Canvas
from callrec.recorder.compose.encode import AAC, OPUS, encode_chunk
from callrec.recorder.compose.film import Chunk, ComposeOptions
from callrec.recorder.compose.ingest import STEP_MS, Ingest
from callrec.recorder.compose.limiter import Sound
from callrec.recorder.compose.mix import mix
from callrec.recorder.compose.picture import StreamPicture
from callrec.recorder.compose.placement import SAMPLES_PER_MS
from callrec.recorder.compose.presence import Roster
from callrec.recorder.compose.scene import SeatSource
from callrec.recorder.folder.durable import replace_file
from callrec.recorder.folder.reader import FolderReader

_log = structlog.get_logger()

# Sound from before a chunk that its mix may still need: warm-up of encoder and decoder, with room.
_SOUND_KEPT_MS = 3000


class Composer:
    """Composes chunks with rising numbers; log, decoders and canvas are kept from one to the next.

    A chunk's content does not depend on which chunks were composed before it by the same composer.
    """

    def __init__(
        self, reader: FolderReader, options: ComposeOptions, *, started_ms: int, video: bool
    ) -> None:
        self.codec = AAC if video else OPUS
        self._reader = reader
        self._options = options
        self._started_ms = started_ms
        self._video = video
        self._ingest = Ingest(reader, started_ms, video=video)
        self._caught_up_ms = 0.0
        self._pictures: dict[tuple[int, int], StreamPicture] = {}
        self._canvas = Canvas(options.width_px, options.height_px) if video else None

    def compose(self, chunk: Chunk) -> None:
        """Write *chunk* into the folder unless it is there."""
        path = chunk.path(self._reader.paths.chunks)
        if path.exists():
            return
        start_ms, end_ms = self._started_ms + chunk.start_ms, self._started_ms + chunk.end_ms
        self._catch_up(start_ms)
        # One step more than the chunk: the encoder of sound looks ahead, and so does the limiter.
        self._ingest.advance(end_ms + STEP_MS)
        content = encode_chunk(
            chunk,
            self.codec,
            self._sound,
            self._draw(chunk) if self._canvas else None,
            (self._options.width_px, self._options.height_px),
        )
        replace_file(path, content)
        _log.info("chunk_composed", chunk=chunk.index, pictures=chunk.pictures, size_bytes=len(content))

    def report_torn_tails(self) -> None:
        """Log where the log was found torn; capture is closed."""
        self._ingest.report_torn_tails()

    def _catch_up(self, start_ms: float) -> None:
        """Bring the log to where a chunk begins, and forget what it does not need."""
        while self._caught_up_ms < start_ms:  # in pieces, so that a long recording does not fill the memory
            at_ms = self._caught_up_ms = min(start_ms, self._caught_up_ms + 10 * STEP_MS)
            self._ingest.advance(at_ms)
            self._open_pictures()
            for picture in self._pictures.values():
                picture.skip(at_ms)
            needed = round((at_ms - _SOUND_KEPT_MS) * SAMPLES_PER_MS)
            for track in self._ingest.tracks.values():
                for stream in track.streams:
                    kept = next((i for i, s in enumerate(stream.sounds) if s.end > needed), None)
                    del stream.sounds[: len(stream.sounds) if kept is None else kept]

    def _sound(self, start: int, end: int) -> Sound:
        """Return the mix between two samples of the film; nothing is heard before its beginning."""
        origin = self._started_ms * SAMPLES_PER_MS
        heard = max(start, 0)
        streams = [s.sounds for t in self._ingest.tracks.values() if not t.video for s in t.streams]
        silence = np.zeros((2, heard - start), np.float32)
        return np.concatenate([silence, mix(streams, origin + heard, origin + end)], axis=1)

    def _draw(self, chunk: Chunk) -> Iterator[av.VideoFrame]:
        assert self._canvas is not None, "only films with pictures are drawn"
        fps = self._options.fps
        end_ms = self._started_ms + chunk.end_ms
        self._open_pictures()
        owners = self._ingest.owners(end_ms)
        director = Director(self._roster(owners, end_ms), self._options.layout)
        shown: dict[tuple[str, SeatSource], list[StreamPicture]] = {}
        for (number, _), picture in sorted(self._pictures.items()):
            source = self._ingest.tracks[number].track.source
            if source in ("camera", "screen"):
                shown.setdefault((owners[number], source), []).append(picture)
        for number in range(chunk.first_picture, chunk.first_picture + chunk.pictures):
            at_ms = self._started_ms + number * 1000 / fps
            # The nearest frame, not the last one before: so sound and picture are apart by 0 on average.
            nearest_ms = at_ms + 500 / fps
            for streams in shown.values():
                for picture in streams:
                    picture.advance(nearest_ms)
            self._canvas.draw(director.at(at_ms), shown, at_ms)
            yield self._canvas.frame

    def _roster(self, owners: dict[int, str], until_ms: float) -> Roster:
        first_media_ms: dict[str, int] = {}
        for number, log in self._ingest.tracks.items():
            if log.first_record_ms is not None:
                known = first_media_ms.get(owners[number], log.first_record_ms)
                first_media_ms[owners[number]] = min(known, log.first_record_ms)
        events = [event for event in self._reader.timeline() if event.ms <= until_ms]
        return Roster(events, first_media_ms)

    def _open_pictures(self) -> None:
        for number, log in self._ingest.tracks.items():
            if log.video:
                for index, stream in enumerate(log.streams):
                    if (number, index) not in self._pictures:
                        self._pictures[number, index] = StreamPicture(stream.frames)
