"""Each participant's own sound and pictures as files, as they were sent: nothing is encoded anew.

Sound becomes Ogg Opus, pictures Matroska. All files begin at film time 0, sound ends with the film: laid
beside each other they are in step. What was lost stays lost.
"""

import shutil
from pathlib import Path
from typing import BinaryIO, NamedTuple

import structlog

from callrec.recorder.compose import headway
from callrec.recorder.compose.file_names import unique_names
from callrec.recorder.compose.ingest import STEP_MS, Ingest
from callrec.recorder.compose.lanes import Lanes
from callrec.recorder.compose.matroska import MatroskaWriter
from callrec.recorder.compose.ogg_opus import OggOpusWriter
from callrec.recorder.compose.people import People
from callrec.recorder.compose.placement import SAMPLES_PER_MS, Placed
from callrec.recorder.compose.track_log import Frame, TrackLog
from callrec.recorder.folder.durable import sync_directory
from callrec.recorder.folder.reader import FolderReader
from callrec.recorder.folder.track import Source

_log = structlog.get_logger()

_Stream = tuple[int, int]
"""A track's number, and which of its streams it is."""


class _Kind(NamedTuple):
    """What may follow each other in one file."""

    participant: str
    source: Source
    codec: str = ""


def write_tracks(
    reader: FolderReader, people: People, directory: Path, started_ms: int, duration_ms: int, *, video: bool
) -> None:
    """Write the files into *directory*, which appears whole; nothing is done where it is there already.

    They hold what belongs between ``started_ms`` and so many ms later. Raises OSError.
    """
    if directory.exists():
        return
    temporary = directory.with_name(f".{directory.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    writer = _Tracks(people, temporary, started_ms, duration_ms)
    try:
        ingest = Ingest(reader, started_ms, video=video)
        for at_ms in range(started_ms, started_ms + duration_ms + 10 * STEP_MS, 10 * STEP_MS):
            headway.made()
            ingest.advance(at_ms)
            for log in ingest.tracks.values():
                writer.take(log)
    finally:
        writer.close()
    temporary.rename(directory)
    sync_directory(directory.parent)


class _Tracks:
    def __init__(self, people: People, directory: Path, started_ms: int, duration_ms: int) -> None:
        self._people = people
        self._names = unique_names(people.names.items())
        self._directory = directory
        self._started_ms = started_ms
        self._duration_ms = duration_ms
        self._sounds = Lanes(self._open_sound)
        self._pictures = Lanes(self._open_pictures)
        self._open_files: list[BinaryIO] = []
        self._before: dict[_Stream, list[Frame]] = {}
        """Of each stream the frames from the last keyframe on, as long as the film has not begun."""
        self._usual: dict[tuple[str, Source], str] = {}
        """The first codec, which file names do not mention."""
        self._first: Frame | None = None
        """With what the next file of pictures begins."""

    def take(self, log: TrackLog) -> None:
        """Write what the streams of a track have said since the last time."""
        owner = self._people.owners.get(log.track.number, log.track.participant)
        for index, stream in enumerate(log.streams):
            name = (log.track.number, index)
            for sound in stream.sounds:
                self._sound(_Kind(owner, log.track.source), name, sound)
            stream.sounds.clear()
            while stream.frames:
                frame = stream.frames.popleft()
                self._picture(_Kind(owner, log.track.source, frame.codec), name, frame)

    def close(self) -> None:
        """Finish all files."""
        for sound in self._sounds.files:
            sound.close(self._duration_ms * SAMPLES_PER_MS)
        for file in self._open_files:
            file.close()
        for pictures in self._pictures.files:
            pictures.close()

    def _sound(self, kind: _Kind, stream: _Stream, placed: Placed) -> None:
        start = placed.start - self._started_ms * SAMPLES_PER_MS
        if 0 <= start < self._duration_ms * SAMPLES_PER_MS:
            self._sounds.take(kind, stream, start, start + placed.samples).write(start, placed.data)

    def _picture(self, kind: _Kind, stream: _Stream, frame: Frame) -> None:
        at_ms = frame.at_ms - self._started_ms
        before = self._before.setdefault(stream, [])
        if frame.keyframe:
            before.clear()
        if at_ms < 0:
            if frame.keyframe or before:
                before.append(frame)
            return
        if at_ms >= self._duration_ms:
            return
        # What the first frames refer to is shown in no time at the beginning.
        for needed in (*before, frame):
            self._write(kind, stream, max(0.0, needed.at_ms - self._started_ms), needed)
        before.clear()

    def _write(self, kind: _Kind, stream: _Stream, at_ms: float, frame: Frame) -> None:
        if not frame.keyframe and not self._pictures.holds(kind, stream):
            return  # it went on in a file where meanwhile another stream is
        self._first = frame
        try:
            self._pictures.take(kind, stream, at_ms, at_ms).write(at_ms, frame)
        except ValueError as error:  # a sender's broken frame
            _log.warning("track_frame_not_written", at_ms=round(frame.at_ms), error=str(error))

    def _open_sound(self, kind: _Kind, number: int) -> OggOpusWriter:
        title = self._title(kind, number)
        file = (self._directory / f"{title}.ogg").open("wb")
        self._open_files.append(file)
        return OggOpusWriter(file, title)

    def _open_pictures(self, kind: _Kind, number: int) -> MatroskaWriter:
        assert self._first is not None, "a file is opened for a frame"
        title = self._title(kind, number)
        return MatroskaWriter(self._directory / f"{title}.mkv", self._first, title)

    def _title(self, kind: _Kind, number: int) -> str:
        words = [self._names[kind.participant], kind.source.replace("_", " ")]
        if kind.codec and kind.codec != self._usual.setdefault((kind.participant, kind.source), kind.codec):
            words.append(kind.codec)
        return " ".join([*words, *([str(number)] if number > 1 else [])])
