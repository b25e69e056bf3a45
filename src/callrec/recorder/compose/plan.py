"""What is to be composed: a stretch of a recording, made in one way. Who has the plan can make any chunk."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import structlog

import callrec
from callrec.recorder.compose import headway
from callrec.recorder.compose.coding import CODINGS, CodingName, SoundCodec
from callrec.recorder.compose.composer import Composer
from callrec.recorder.compose.film import Chunk, ComposeOptions, chunks_of
from callrec.recorder.compose.seal import is_whole
from callrec.recorder.folder.reader import FolderReader

_log = structlog.get_logger()


@dataclass(frozen=True)
class Plan:
    """A film from ``started_ms`` of the time line of the recording in ``root`` on."""

    root: Path
    options: ComposeOptions
    started_ms: int
    coding: CodingName
    elsewhere: Path | None = None
    """Where chunks are kept when the folder cannot be written."""
    content: str = ""
    """Which content of the folder is meant, where that may still grow."""

    @property
    def video(self) -> bool:
        """Whether the film has pictures."""
        return self.coding != "sound"

    @property
    def sound_codec(self) -> SoundCodec:
        """What its sound is encoded with."""
        return CODINGS[self.coding].sound

    @property
    def reader(self) -> FolderReader:
        """Reads the folder."""
        return FolderReader.at(self.root)

    @property
    def chunks(self) -> Path:
        """The directory of the film's chunks: whatever changes a chunk changes its name.

        That another callrec made them counts, too: it may draw or encode differently.
        """
        told = {**asdict(self), "root": "", "elsewhere": "", "version": callrec.__version__}
        digest = hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()[:8]
        options = self.options
        kind = (
            f"{options.width_px}x{options.height_px}-{options.layout}-{self.coding}"
            if self.video
            else "sound"
        )
        return (self.elsewhere or self.reader.paths.chunks) / f"{callrec.__version__}-{kind}-{digest}"

    def composer(self) -> Composer:
        """Return one that makes the film's chunks."""
        return Composer(
            self.reader, self.options, self.chunks, started_ms=self.started_ms, coding=self.coding
        )

    def missing(self, duration_ms: int) -> list[Chunk]:
        """Return the chunks of a film of that length that are not composed yet."""
        return [c for c in chunks_of(duration_ms, self.options.fps) if not c.path(self.chunks).exists()]

    def discard_damaged(self, duration_ms: int) -> None:
        """Remove those chunks of a film of that length that are not as they were written."""
        for chunk in chunks_of(duration_ms, self.options.fps):
            headway.made()
            path = chunk.path(self.chunks)
            if path.exists() and not is_whole(path):
                _log.warning("chunk_damaged", chunk=chunk.index, path=str(path))
                path.unlink()
