"""How films are encoded: by which encoders, and with what."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import av

from callrec.recorder.compose.film import pictures_per_chunk
from callrec.recorder.compose.payload import OPUS_RATE_HZ

SOUND_TIME_BASE = Fraction(1, OPUS_RATE_HZ)
REPEATABLE = {"fflags": "+bitexact"}
"""Of a muxer: no numbers at random, no versions; the same again is the same file."""


@dataclass(frozen=True)
class SoundCodec:
    """An encoder of sound and its measures."""

    encoder: str
    sample_format: str
    bit_rate_bps: int
    frame_samples: int
    priming_samples: int
    """Samples that the decoder gives out before the first real one."""
    delay_frames: int
    """The packet of a frame comes when so many later frames have been put in."""
    warm_up_frames: int


@dataclass(frozen=True)
class PictureCodec:
    """An encoder of pictures. Each picture that is put in comes out at once; there are no B-frames."""

    encoder: str
    options: dict[str, str]
    capped_by_vbv: bool
    """How the encoder is told the highest bit rate: by x264's buffer, else as its target."""


CodingName = Literal["h264", "vp9", "sound"]


@dataclass(frozen=True)
class Coding:
    """What a chunk's streams are encoded with. ``pictures`` is None where only sound is recorded."""

    pictures: PictureCodec | None
    sound: SoundCodec


AAC = SoundCodec("aac", "fltp", 128_000, 1024, 1024, 1, 8)
OPUS = SoundCodec("libopus", "flt", 64_000, 960, 312, 0, 25)

# Measured (docs/operating.md, Measured): superfast with these has the quality of plain superfast at the same
# bit rate for half the CPU time. One thread, because chunks are the parallelism. Without variable frame rates
# a picture comes out at once. Keyframes come when they are asked for.
H264 = PictureCodec(
    "libx264",
    {
        "preset": "superfast",
        "crf": "24",
        "forced-idr": "1",
        "x264-params": "bframes=0:rc-lookahead=0:sync-lookahead=0:subme=0:scenecut=0:weightp=0:aq-mode=0"
        ":threads=1:keyint=infinite:force-cfr=1",
    },
    capped_by_vbv=True,
)
# For the CPU time of VP8 on webcam-like pictures it needs half the bits, and looks better. Its speed does not
# adapt to the machine, as VP8's does.
VP9 = PictureCodec(
    "libvpx-vp9",
    {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0", "crf": "33", "g": "1000000"},
    capped_by_vbv=False,
)

CODINGS: dict[CodingName, Coding] = {
    "h264": Coding(H264, AAC),
    "vp9": Coding(VP9, OPUS),
    "sound": Coding(None, OPUS),
}

_KEYFRAMES_PER_CHUNK = 4
_MAX_BITS_PER_PIXEL = 1.3  # 2.7 Mbit/s for 1080p: only a very noisy picture comes near
_SMPTE_170M, _LIMITED_RANGE = 6, 1  # ITU-T H.273 for BT.601, and FFmpeg's number of the range


def keyframe_interval(fps: int) -> int:
    """Return how many pictures a closed group has, but for a chunk's last one: 3.2 s, for seeking."""
    return -(-pictures_per_chunk(fps) // _KEYFRAMES_PER_CHUNK)


def configure(context: av.VideoCodecContext, codec: PictureCodec, fps: int, size_px: tuple[int, int]) -> None:
    """Prepare an encoder that is not open yet for pictures of *size_px*."""
    context.width, context.height = size_px
    context.pix_fmt = "yuv420p"
    # On the codec context: a stream's own is the container's business.
    context.time_base, context.framerate = Fraction(1, fps), Fraction(fps)
    context.thread_count = 1
    context.color_primaries = context.color_trc = context.colorspace = _SMPTE_170M
    context.color_range = _LIMITED_RANGE
    highest_bps = int(size_px[0] * size_px[1] * _MAX_BITS_PER_PIXEL)
    options = dict(codec.options)
    if codec.capped_by_vbv:
        kbps = highest_bps // 1000
        options["x264-params"] += f":vbv-maxrate={kbps}:vbv-bufsize={2 * kbps}"
    else:
        context.bit_rate = highest_bps
    context.options = options
