"""Who was heard when in a film: from the levels that lie beside its chunks, so nothing is decoded again."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from callrec.errors import ComposeFailed
from callrec.recorder.compose import headway
from callrec.recorder.compose.film import Chunk
from callrec.recorder.compose.levels import CELL_MS, HOP_MS, SILENCE_DB, Levels
from callrec.recorder.compose.people import People
from callrec.recorder.compose.speech import Speech

PEAK_MS = 100
_STEP_MS = 600_000  # so much is looked at at once


@dataclass
class Heard:
    """One participant; times are film time."""

    spells_ms: list[tuple[int, int]] = field(default_factory=list)
    """From when to when he spoke."""
    peaks_db: list[int] = field(default_factory=list)
    """The loudest 20 ms of each 100 ms, in dBFS."""


def listen(
    chunks: Sequence[Chunk], directory: Path, people: People, started_ms: int, duration_ms: int
) -> dict[str, Heard]:
    """Return what was heard of everybody whose microphone ever was, by participant.

    Raises:
        ComposeFailed: a chunk's levels are lost; the chunk is then, too, and will be composed again.
    """
    levels = Levels(directory, started_ms)
    for chunk in chunks:
        headway.made()
        if levels.recall(chunk) is None:
            chunk.path(directory).unlink()
            raise ComposeFailed(f"the levels of chunk {chunk.index} are damaged")
    known_ms, ends_ms = levels.hops * HOP_MS, started_ms + duration_ms
    speech = Speech()
    peaks: dict[str, npt.NDArray[np.float32]] = {}
    count = -(-duration_ms // PEAK_MS)
    while speech.known_ms < known_ms:
        headway.made()
        since_ms = speech.known_ms
        until_ms = min(since_ms + _STEP_MS, known_ms)
        found = levels.levels_db(until_ms, people.owners, since_ms=since_ms)
        speech.advance(found, until_ms)
        for participant, cells in found.items():
            whole = peaks.setdefault(participant, np.full(count, SILENCE_DB, np.float32))
            places = (since_ms - started_ms + CELL_MS * np.arange(len(cells))) // PEAK_MS
            within = (places >= 0) & (places < count)
            np.maximum.at(whole, places[within], cells[within])
    return {
        participant: Heard(
            [
                (max(0, round(begin) - started_ms), min(round(min(end, ends_ms)), ends_ms) - started_ms)
                for begin, end in speech.spells(participant)
                if begin < ends_ms and end > started_ms
            ],
            [int(level) for level in np.round(whole)],
        )
        for participant, whole in peaks.items()
    }
