"""Where on the recording's time line (in samples at 48 kHz) each packet of one stream of sound is heard.

Packets that follow each other are heard without a seam, whatever the clock's jitter; where the sender's clock
runs away they are stretched a little; only where that would take too long, or in a pause, they jump.
"""

from collections.abc import Iterator
from typing import NamedTuple

from callrec.recorder.compose.payload import OPUS_RATE_HZ, opus_samples

SAMPLES_PER_MS = OPUS_RATE_HZ // 1000
# Errors below the first are not corrected; correcting ends below the second: no hunting around a limit.
_STRETCH_FROM = 5 * SAMPLES_PER_MS
_STRETCH_TO = 1 * SAMPLES_PER_MS
# Beyond this sound would be noticeably away from the picture for seconds: better one jump.
_JUMP_FROM = 30 * SAMPLES_PER_MS
# 0.5 % is inaudible in speech and catches up 5 ms a second.
_STRETCH_DIVISOR = 200
# A hole of this length is a pause of the speaker (DTX, mute): nothing is heard that could be torn.
_PAUSE_SAMPLES = 60 * SAMPLES_PER_MS


class Placed(NamedTuple):
    """One packet: decoded it has ``samples`` samples, heard from ``start`` on for ``length`` samples."""

    start: int
    length: int
    samples: int
    data: bytes
    follows_loss: bool

    @property
    def end(self) -> int:
        """First sample after it."""
        return self.start + self.length


class Placer:
    """Places the packets of one stream, in their order."""

    def __init__(self) -> None:
        self._offset: int | None = None  # from the stream's samples to the recording's
        self._stream_end = 0
        self._end = 0
        self._stretching = False

    def place(self, timestamp: int, at_ms: float, data: bytes, *, follows_loss: bool) -> Placed | None:
        """Place a packet with RTP *timestamp* that by the clock belongs to *at_ms*. None if it is no Opus."""
        samples = opus_samples(data)
        if not samples:
            return None
        wanted = round(at_ms * SAMPLES_PER_MS)
        if self._offset is None or timestamp - self._stream_end >= _PAUSE_SAMPLES:
            self._offset, self._stretching = wanted - timestamp, False
            if self._end:
                self._offset = max(self._offset, self._end - timestamp)
        error = wanted - (timestamp + self._offset)
        if abs(error) > _JUMP_FROM:
            self._offset, error = wanted - timestamp, 0
        if abs(error) > _STRETCH_FROM:
            self._stretching = True
        elif abs(error) < _STRETCH_TO:
            self._stretching = False
        limit = samples // _STRETCH_DIVISOR
        stretch = max(-limit, min(limit, error)) if self._stretching else 0
        placed = Placed(timestamp + self._offset, samples + stretch, samples, data, follows_loss)
        self._offset += stretch
        self._stream_end, self._end = timestamp + samples, placed.end
        return placed


def overlapping(sounds: list[Placed], start: int, end: int, *, before: int) -> Iterator[Placed]:
    """Yield what is heard between the samples *start* and *end*, and *before* packets more, to warm up on."""
    first = next((i for i, sound in enumerate(sounds) if sound.end > start), len(sounds))
    for sound in sounds[max(0, first - before) :]:
        if sound.start >= end:
            return
        yield sound
