"""Decodes the sound of all streams and sums it, to the sample."""

from collections.abc import Iterable

import av
import numpy as np
import structlog
from av.error import FFmpegError

from callrec.recorder.compose.limiter import REACH, Sound, blocks_down, blocks_up, limit
from callrec.recorder.compose.payload import OPUS_RATE_HZ
from callrec.recorder.compose.placement import SAMPLES_PER_MS, Placed, overlapping

_log = structlog.get_logger()

# Opus converges after 80 ms (RFC 7845 §4.6); each piece starts a fresh decoder well before, so that what is
# heard does not depend on where the pieces were cut.
_WARM_UP_PACKETS = 25
_CONCEALED = 60 * SAMPLES_PER_MS
_SOURCE = 20 * SAMPLES_PER_MS  # what concealment repeats
_FADE = 2 * SAMPLES_PER_MS + SAMPLES_PER_MS // 2


def mix(streams: Iterable[list[Placed]], start: int, end: int) -> Sound:
    """Return the sum of *streams* between two samples of the recording's time line, limited, in stereo."""
    first, last = blocks_down(start) - REACH, blocks_up(end) + REACH
    total = np.zeros((2, last - first), np.float32)
    for sounds in streams:
        _add(total, sounds, first)
    limited = limit(total)
    skipped = start - (first + REACH)
    return limited[:, skipped : skipped + end - start]


def _add(total: Sound, sounds: list[Placed], first: int) -> None:
    """Add one stream to *total*, whose first sample is *first*."""
    decoder = _new_decoder()
    tail: Sound | None = None  # the newest decoded sound, for concealment
    heard_to: int | None = None
    for placed in overlapping(sounds, first, first + total.shape[1], before=_WARM_UP_PACKETS):
        sound = _decode(decoder, placed)
        gap = placed.start - heard_to if heard_to is not None else 0
        if gap > 0 and tail is not None and heard_to is not None:
            _put(total, _conceal(tail, gap if placed.follows_loss else 0), heard_to - first)
        if heard_to is None or gap > 0:
            sound[:, :_FADE] *= np.linspace(0, 1, min(_FADE, sound.shape[1]), dtype=np.float32)
        # What would sound twice, because the clock jumped back, is left out.
        _put(total, sound[:, max(0, -gap) :], placed.start + max(0, -gap) - first)
        tail, heard_to = sound[:, -_SOURCE:], max(placed.end, heard_to or placed.end)
    if tail is not None and heard_to is not None:
        _put(total, _conceal(tail, 0), heard_to - first)


def _decode(decoder: av.AudioCodecContext, placed: Placed) -> Sound:
    try:
        frames = decoder.decode(av.Packet(placed.data))
    except FFmpegError as error:  # a sender's broken packet: as if it had been lost
        _log.warning("sound_not_decoded", at_ms=placed.start // SAMPLES_PER_MS, error=str(error))
        return np.zeros((2, placed.length), np.float32)
    decoded = [frame.to_ndarray().reshape(-1, 2).T.astype(np.float32) / 32768 for frame in frames]
    sound: Sound = np.concatenate(decoded, axis=1) if decoded else np.zeros((2, 1), np.float32)
    if sound.shape[1] == placed.length:
        return sound
    positions = np.linspace(0, sound.shape[1] - 1, placed.length)
    known = np.arange(sound.shape[1])
    return np.stack([np.interp(positions, known, channel) for channel in sound]).astype(np.float32)


def _conceal(tail: Sound, gap: int) -> Sound:
    """Go on with *tail* for *gap* samples, at most until it has faded, and fade out under what follows.

    The tail is mirrored, so that there is no step.
    """
    length = min(gap, _CONCEALED) + _FADE
    mirrored = np.concatenate([tail[:, ::-1], tail], axis=1)
    envelope = np.maximum(0, 1 - np.arange(length, dtype=np.float32) / (_CONCEALED + _FADE))
    envelope[-_FADE:] *= np.linspace(1, 0, _FADE, dtype=np.float32)
    repeated = np.tile(mirrored, -(-length // mirrored.shape[1]))[:, :length]
    return (repeated * envelope).astype(np.float32)


def _put(total: Sound, sound: Sound, at: int) -> None:
    begin, end = max(at, 0), min(at + sound.shape[1], total.shape[1])
    if begin < end:
        total[:, begin:end] += sound[:, begin - at : end - at]


def _new_decoder() -> av.AudioCodecContext:
    decoder = av.CodecContext.create("libopus", "r")
    assert isinstance(decoder, av.AudioCodecContext)
    decoder.sample_rate = OPUS_RATE_HZ
    decoder.layout = "stereo"
    return decoder
