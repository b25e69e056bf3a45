"""Composes the chunks of one recording, in their order."""

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import av
import numpy as np
import structlog

from callrec.recorder.compose import headway
from callrec.recorder.compose.balance import Balance
from callrec.recorder.compose.coding import CODINGS, CodingName
from callrec.recorder.compose.draw import Canvas
from callrec.recorder.compose.encode import encode_chunk
from callrec.recorder.compose.film import Chunk, ComposeOptions, whole_chunk
from callrec.recorder.compose.hearing import hear
from callrec.recorder.compose.ingest import STEP_MS, Ingest
from callrec.recorder.compose.levels import BEHIND_MS, Levels, Source
from callrec.recorder.compose.limiter import Sound
from callrec.recorder.compose.mix import mix
from callrec.recorder.compose.notes import Notes
from callrec.recorder.compose.picture import StreamPicture
from callrec.recorder.compose.placement import SAMPLES_PER_MS
from callrec.recorder.compose.scene import SeatSource
from callrec.recorder.compose.scenes import Scenes
from callrec.recorder.compose.seal import sealed
from callrec.recorder.folder.durable import replace_file
from callrec.recorder.folder.reader import FolderReader

_log = structlog.get_logger()

# Sound from before a chunk that its mix needs: the warm-up of the encoder, and the limiter.
_SOUND_BEFORE_MS = 640
# The same, and the warm-up of the decoders, with room.
_SOUND_KEPT_MS = 3000


class Composer:
    """Composes chunks with rising numbers; log, decoders and canvas are kept from one to the next.

    A chunk's content does not depend on which chunks were composed before it by the same composer.
    """

    def __init__(
        self,
        reader: FolderReader,
        options: ComposeOptions,
        chunks: Path,
        *,
        started_ms: int,
        coding: CodingName,
    ) -> None:
        """*chunks*: the directory where they are kept, made when missing."""
        self._coding = CODINGS[coding]
        video = self._coding.pictures is not None
        self._reader = reader
        self._options = options
        self._chunks = chunks
        self._started_ms = started_ms
        self._video = video
        self._ingest = Ingest(reader, started_ms, video=video)
        self._levels = Levels(chunks, started_ms)
        self._scenes = Scenes(reader, options.layout, started_ms)
        self._balance = Balance()
        self._caught_up_ms = 0.0
        self._pictures: dict[tuple[int, int], StreamPicture] = {}
        size = (options.width_px, options.height_px)
        wall_s = reader.manifest().anchor.wall_s
        notes = Notes(*size, options.look, started_ms=started_ms, wall_s=wall_s)
        self._canvas = Canvas(*size, notes) if video else None

    def compose(self, chunk: Chunk, *, beside: bool = False) -> None:
        """Write *chunk* into the folder unless it is there. *beside*: as for ``encode_chunk``."""
        path = chunk.path(self._chunks)
        if path.exists():
            return
        self._catch_up(chunk)
        self._advance_past(chunk)
        heard = self._hear(chunk)
        self._balance_out(chunk, heard)
        content = encode_chunk(
            chunk,
            self._coding,
            partial(self._sound, heard),
            self._draw(chunk) if self._canvas else None,
            (self._options.width_px, self._options.height_px),
            beside=beside,
        )
        self._chunks.mkdir(parents=True, exist_ok=True)
        replace_file(path, sealed(content))
        _log.info("chunk_composed", chunk=chunk.index, pictures=chunk.pictures, size_bytes=len(content))

    def report_damage(self) -> None:
        """Log where the log was found torn or with holes; capture is closed."""
        self._ingest.report_damage()

    def _catch_up(self, chunk: Chunk) -> None:
        """Bring the log to where *chunk* begins, with the levels of all before it."""
        while self._levels.chunks < chunk.index:
            earlier = whole_chunk(self._levels.chunks, self._options.fps)
            self._skip_to(self._started_ms + earlier.start_ms)
            self._advance_past(earlier)
            self._balance_out(earlier)
        self._skip_to(self._started_ms + chunk.start_ms)

    def _advance_past(self, chunk: Chunk) -> None:
        """Bring the log one step behind the end of *chunk*: encoder, limiter and levels look ahead."""
        self._ingest.advance(self._started_ms + chunk.end_ms + STEP_MS)

    def _balance_out(self, chunk: Chunk, heard: Mapping[int, Source] | None = None) -> None:
        """Let levels and gains follow *chunk*; what is *heard* in it is decoded only if it must be."""
        piece = self._levels.recall(chunk)
        if piece is None:
            piece = self._levels.measure(chunk, self._hear(chunk) if heard is None else heard)
        self._balance.follow(piece, self._ingest.owners(self._started_ms + chunk.end_ms))

    def _hear(self, chunk: Chunk) -> dict[int, Source]:
        """Decode all sound of *chunk*, with what is needed on both sides of it, by track."""
        start_ms = self._started_ms + max(chunk.start_ms - _SOUND_BEFORE_MS, 0)
        end_ms = self._started_ms + chunk.end_ms + BEHIND_MS
        start, end = round(start_ms * SAMPLES_PER_MS), round(end_ms * SAMPLES_PER_MS)
        heard = {}
        for number, log in self._ingest.tracks.items():
            headway.made()
            if not log.video:
                voice = log.track.source == "microphone"
                channels = 1 if voice else 2
                runs = [run for s in log.streams for run in hear(s.sounds, start, end, channels=channels)]
                heard[number] = Source(voice, runs)
        return heard

    def _skip_to(self, start_ms: float) -> None:
        """Bring the log to *start_ms*, and forget what is not needed from there on."""
        while self._caught_up_ms < start_ms:  # in pieces, so that a long recording does not fill the memory
            headway.made()
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

    def _sound(self, heard: Mapping[int, Source], start: int, end: int) -> Sound:
        """Return the mix between two samples of the film; nothing is heard before its beginning."""
        origin = self._started_ms * SAMPLES_PER_MS
        begin = max(start, 0)
        silence = np.zeros((2, begin - start), np.float32)
        return np.concatenate([silence, mix(heard, self._balance, origin + begin, origin + end)], axis=1)

    def _draw(self, chunk: Chunk) -> Iterator[av.VideoFrame | None]:
        """Yield the chunk's pictures, None for one that is as the one before."""
        assert self._canvas is not None, "only films with pictures are drawn"
        fps = self._options.fps
        self._open_pictures()
        self._scenes.advance(chunk, self._ingest.tracks, self._levels)
        shown: dict[tuple[str, SeatSource], list[StreamPicture]] = {}
        shown_until_ms = float("-inf")
        for number in range(chunk.first_picture, chunk.first_picture + chunk.pictures):
            headway.made()
            at_ms = self._started_ms + number * 1000 / fps
            if at_ms >= shown_until_ms:
                shown, shown_until_ms = self._streams(at_ms), self._scenes.roster.owners_until(at_ms)
            # The nearest frame, not the last one before: so sound and picture are apart by 0 on average.
            nearest_ms = at_ms + 500 / fps
            for streams in shown.values():
                for picture in streams:
                    picture.advance(nearest_ms)
            changed = self._canvas.draw(self._scenes.director.at(at_ms), shown, at_ms)
            yield self._canvas.frame if changed or number == chunk.first_picture else None

    def _streams(self, at_ms: float) -> dict[tuple[str, SeatSource], list[StreamPicture]]:
        """Return the streams of every participant and source, as the tracks belong to them at *at_ms*."""
        streams: dict[tuple[str, SeatSource], list[StreamPicture]] = {}
        for (number, _), picture in sorted(self._pictures.items()):
            source = self._ingest.tracks[number].track.source
            owner = self._scenes.roster.owner(number, at_ms)
            if owner is not None and source in ("camera", "screen"):
                streams.setdefault((owner, source), []).append(picture)
        return streams

    def _open_pictures(self) -> None:
        for number, log in self._ingest.tracks.items():
            if log.video:
                for index, stream in enumerate(log.streams):
                    if (number, index) not in self._pictures:
                        self._pictures[number, index] = StreamPicture(stream.frames)
