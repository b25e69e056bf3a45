"""Decodes the sound of one stream, to the sample: what was sent, and something for what was lost."""

from typing import NamedTuple

import av
import numpy as np
import numpy.typing as npt
import structlog
from av.error import FFmpegError

from callrec.recorder.compose.payload import OPUS_RATE_HZ, opus_samples
from callrec.recorder.compose.placement import SAMPLES_PER_MS, Placed, overlapping

Samples = npt.NDArray[np.int16]

_log = structlog.get_logger()

# Opus converges after 80 ms (RFC 7845 §4.6); each piece starts a fresh decoder well before, so that what is
# heard does not depend on where the pieces were cut.
_WARM_UP_PACKETS = 25
_CONCEALED = 80 * SAMPLES_PER_MS
# A hole that is a little longer or shorter than whole frames comes from stretching.
_FITTED = 2 * SAMPLES_PER_MS
_FADE = 2 * SAMPLES_PER_MS + SAMPLES_PER_MS // 2
_TO_CODE_0 = 0xFC  # keeps of a packet's first byte what says how it was coded (RFC 6716 §3.1)


class Run(NamedTuple):
    """Sound without a pause: channels x n samples, from sample ``start`` of the recording's time line on."""

    start: int
    samples: Samples

    @property
    def end(self) -> int:
        """First sample after it."""
        return self.start + int(self.samples.shape[1])


def hear(sounds: list[Placed], start: int, end: int, *, channels: int) -> list[Run]:
    """Decode what one stream sounds like between two samples of the recording's time line, and a bit more.

    What was lost is concealed for a while; then, and where nothing was sent, there is silence: between runs.
    """
    decoder = _Decoder(channels)
    runs: list[Run] = []
    parts: list[Samples] = []
    at = heard_to = 0
    for placed in overlapping(sounds, start, end, before=_WARM_UP_PACKETS):
        gap = placed.start - heard_to
        if parts and gap > 0:
            if placed.follows_loss and gap <= _CONCEALED:
                parts.append(decoder.conceal(gap))
            else:
                parts.append(_faded_out(decoder.conceal(_CONCEALED if placed.follows_loss else _FADE)))
                runs.append(Run(at, np.concatenate(parts, axis=1)))
                parts = []
        sound = decoder.decode(placed)
        if not parts:
            at = heard_to = placed.start
            sound = _faded_in(sound)
        # What would sound twice, because the clock jumped back, is left out.
        parts.append(sound[:, max(0, heard_to - placed.start) :])
        heard_to = max(heard_to, placed.end)
    if parts:
        parts.append(_faded_out(decoder.conceal(_FADE)))
        runs.append(Run(at, np.concatenate(parts, axis=1)))
    return [run for run in runs if run.end > start and run.start < end]


class _Decoder:
    """A decoder of one stream; the newest packet says how to go on where the next one is missing."""

    def __init__(self, channels: int) -> None:
        decoder = av.CodecContext.create("libopus", "r")
        assert isinstance(decoder, av.AudioCodecContext)
        decoder.sample_rate = OPUS_RATE_HZ
        decoder.layout = "mono" if channels == 1 else "stereo"
        self._decoder = decoder
        self._channels = channels
        self._missing: bytes | None = None

    def decode(self, placed: Placed) -> Samples:
        """Return the ``placed.length`` samples of a packet."""
        try:
            sound = self._samples(placed.data)
        except FFmpegError as error:  # a sender's broken packet: as if it had been lost
            _log.warning("sound_not_decoded", at_ms=placed.start // SAMPLES_PER_MS, error=str(error))
            return self.conceal(placed.length)
        self._missing = bytes([placed.data[0] & _TO_CODE_0])
        return _fitted(sound, placed.length)

    def conceal(self, samples: int) -> Samples:
        """Go on without a packet, fading slowly.

        A frame without content stands for one that was not received (RFC 6716 §3.2.1): libopus conceals it.
        """
        if self._missing is None:
            return np.zeros((self._channels, samples), np.int16)
        frame = opus_samples(self._missing)
        frames = max(1, -(-(samples - _FITTED) // frame))
        sound = np.concatenate([self._samples(self._missing) for _ in range(frames)], axis=1)
        return _fitted(sound, samples) if abs(sound.shape[1] - samples) <= _FITTED else sound[:, :samples]

    def _samples(self, data: bytes) -> Samples:
        planes = [
            np.frombuffer(memoryview(frame.planes[0]), np.int16, frame.samples * self._channels)
            for frame in self._decoder.decode(av.Packet(data))
        ]
        sound = np.concatenate(planes) if planes else np.zeros(self._channels, np.int16)
        return sound.reshape(-1, self._channels).T


def _fitted(sound: Samples, length: int) -> Samples:
    """Return *sound* stretched or shrunk to *length* samples."""
    if sound.shape[1] == length:
        return sound
    positions = np.linspace(0, sound.shape[1] - 1, length)
    known = np.arange(sound.shape[1])
    return np.stack([np.interp(positions, known, channel).round() for channel in sound]).astype(np.int16)


def _faded_in(sound: Samples) -> Samples:
    faded = sound.copy()
    length = min(_FADE, sound.shape[1])
    faded[:, :length] = faded[:, :length] * np.linspace(0, 1, length)
    return faded


def _faded_out(sound: Samples) -> Samples:
    """Fade what was made up for a loss: over its second half, or all of it when it is short."""
    length = max(min(_FADE, sound.shape[1]), sound.shape[1] // 2)
    faded = sound.copy()
    faded[:, -length:] = faded[:, -length:] * np.linspace(1, 0, length)
    return faded
