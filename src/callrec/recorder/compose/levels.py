"""How loud everyone is, from the beginning of the film on: for who speaks, and for the balance of the mix.

It is measured once, a chunk at a time, and kept beside the chunk: what comes later needs all that was before,
and must get the same numbers whoever measured them. A chunk's piece goes ``BEHIND_MS`` beyond its end, and
the next one's begins there: so a moment of a chunk can be told from what follows it.
"""

import zlib
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from callrec.errors import FolderDamaged
from callrec.recorder.compose.film import Chunk
from callrec.recorder.compose.hearing import Run
from callrec.recorder.compose.kweighting import weighted_energy
from callrec.recorder.compose.placement import SAMPLES_PER_MS
from callrec.recorder.folder.durable import replace_file
from callrec.recorder.folder.small_file import read_small_file

Floats = npt.NDArray[np.float32]

BEHIND_MS = 600
"""So far beyond a chunk's end its sound is known, and looked at by encoder, limiter and levels: one step of
the log, less what a packet is moved at most when it is placed."""
CELL_MS = 20
"""One level."""
HOP_MS = 100
"""One loudness; pieces are whole hops of the recording's time line."""
SILENCE_DB = -120.0

_VERSION = 1
_CELLS = HOP_MS // CELL_MS
_STEPS_PER_DB = 2  # a level is kept as a byte: half decibels above silence
_CRC_BYTES = 4


class TrackPiece(msgspec.Struct, array_like=True, frozen=True):
    """One track's part of a piece: a byte for each level, and a float32 for each hop."""

    voice: bool
    levels: bytes
    energies: bytes

    def energy(self) -> Floats:
        """Return for each hop the K-weighted mean square, summed over both channels of the film."""
        return np.frombuffer(self.energies, "<f4")


class Piece(msgspec.Struct, array_like=True, frozen=True):
    """What was measured for one chunk. Tracks that were silent are left out."""

    version: int
    started_ms: int
    first_hop: int
    hops: int
    tracks: dict[int, TrackPiece]


class Source(NamedTuple):
    """What one track sounds like: ``runs`` of all its streams."""

    voice: bool
    """A microphone, and not a shared screen."""
    runs: Sequence[Run]


class Levels:
    """The pieces of one recording, in the order of the chunks; film time 0 is at *started_ms*."""

    def __init__(self, directory: Path, started_ms: int) -> None:
        self._directory = directory
        self._started_ms = started_ms
        self._pieces: list[Piece] = []

    @property
    def chunks(self) -> int:
        """So many chunks from the first on are known."""
        return len(self._pieces)

    @property
    def hops(self) -> int:
        """So many hops of the recording's time line are known."""
        return self._pieces[-1].first_hop + self._pieces[-1].hops if self._pieces else 0

    def recall(self, chunk: Chunk) -> Piece | None:
        """Take the piece of *chunk*, the next one, from the folder. None when it is not there, or damaged."""
        piece = _read(self._path(chunk))
        first_hop, hops = self._span(chunk)
        if piece is None or not _is_of(piece, self._started_ms, first_hop, hops):
            return None
        self._pieces.append(piece)
        return piece

    def measure(self, chunk: Chunk, sources: Mapping[int, Source]) -> Piece:
        """Measure the piece of *chunk*, the next one, from all that is heard in it, and keep it."""
        first_hop, hops = self._span(chunk)
        tracks = {}
        for number, source in sources.items():
            measured = _measure(source, first_hop, hops)
            if measured is not None:
                tracks[number] = measured
        piece = Piece(_VERSION, self._started_ms, first_hop, hops, tracks)
        content = msgspec.msgpack.encode(piece)
        self._directory.mkdir(parents=True, exist_ok=True)
        replace_file(self._path(chunk), content + zlib.crc32(content).to_bytes(_CRC_BYTES))
        self._pieces.append(piece)
        return piece

    def levels_db(
        self, until_ms: float, owners: Mapping[int, str], *, since_ms: float = 0
    ) -> dict[str, Floats]:
        """Return for each participant the RMS level of the microphone in dBFS, for each 20 ms.

        Index 0 is at *since_ms*, rounded down to 20 ms, of the recording's time line; the last one ends at or
        before *until_ms*, and what is known. *owners*: the participant of each track. Several microphones of
        one participant: the louder one. Who is silent all the time is left out.
        """
        first = int(since_ms // CELL_MS)
        length = max(0, min(int(until_ms // CELL_MS), self.hops * _CELLS) - first)
        steps: dict[str, npt.NDArray[np.uint8]] = {}
        # A long recording has thousands of pieces, and is gone through in as many parts.
        since = bisect_right(self._pieces, first // _CELLS, key=lambda piece: piece.first_hop) - 1
        for piece in self._pieces[max(0, since) :]:
            at = piece.first_hop * _CELLS - first
            begin, end = max(at, 0), min(at + piece.hops * _CELLS, length)
            if begin >= end:
                break
            for number, track in piece.tracks.items():
                if not track.voice or number not in owners:
                    continue
                whole = steps.setdefault(owners[number], np.zeros(length, np.uint8))
                part = np.frombuffer(track.levels, np.uint8)[begin - at : end - at]
                np.maximum(whole[begin:end], part, out=whole[begin:end])
        return {key: (SILENCE_DB + whole / _STEPS_PER_DB).astype(np.float32) for key, whole in steps.items()}

    def _span(self, chunk: Chunk) -> tuple[int, int]:
        """Return the first hop and the number of hops of a chunk's piece."""
        behind_ms = self._started_ms + BEHIND_MS
        first = (behind_ms + round(chunk.start_ms) if chunk.index else self._started_ms) // HOP_MS
        return first, int(behind_ms + chunk.end_ms) // HOP_MS - first

    def _path(self, chunk: Chunk) -> Path:
        return chunk.path(self._directory).with_suffix(".levels")


def _measure(source: Source, first_hop: int, hops: int) -> TrackPiece | None:
    sound = _laid_out(source.runs, first_hop * HOP_MS * SAMPLES_PER_MS, hops * HOP_MS * SAMPLES_PER_MS)
    if sound is None:
        return None
    cells = sound.reshape(len(sound), hops * _CELLS, -1)
    power = np.einsum("ijk,ijk->j", cells, cells) / (cells.shape[0] * cells.shape[2])
    level_db = 10 * np.log10(np.maximum(power, 1e-12))
    steps = np.clip(np.round((level_db - SILENCE_DB) * _STEPS_PER_DB), 0, 255).astype(np.uint8)
    energy = weighted_energy(sound.reshape(len(sound), hops, -1))
    if len(sound) == 1:  # a voice is heard from both sides
        energy *= 2
    return TrackPiece(source.voice, steps.tobytes(), energy.astype("<f4").tobytes())


def _laid_out(runs: Iterable[Run], start: int, length: int) -> Floats | None:
    """Return the sum of *runs* between two samples, None where nothing is heard."""
    sound: Floats | None = None
    for run in runs:
        begin, end = max(run.start, start), min(run.end, start + length)
        if begin < end:
            if sound is None:
                sound = np.zeros((len(run.samples), length), np.float32)
            part = run.samples[:, begin - run.start : end - run.start]
            sound[:, begin - start : end - start] += part * np.float32(1 / 32768)
    return sound


def _read(path: Path) -> Piece | None:
    try:
        content = read_small_file(path)
    except FolderDamaged:
        return None
    content, crc = content[:-_CRC_BYTES], content[-_CRC_BYTES:]
    if zlib.crc32(content).to_bytes(_CRC_BYTES) != crc:
        return None
    try:
        return msgspec.msgpack.decode(content, type=Piece)
    except msgspec.MsgspecError:
        return None


def _is_of(piece: Piece, started_ms: int, first_hop: int, hops: int) -> bool:
    """Tell whether *piece* is of this recording and complete."""
    return (piece.version, piece.started_ms, piece.first_hop, piece.hops) == (
        _VERSION,
        started_ms,
        first_hop,
        hops,
    ) and all(
        len(t.levels) == hops * _CELLS and len(t.energies) == 4 * hops and np.isfinite(t.energy()).all()
        for t in piece.tracks.values()
    )
