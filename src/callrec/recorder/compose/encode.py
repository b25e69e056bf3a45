"""Encodes one chunk. Pictures form closed groups; sound is encoded so that it fits to the next chunk's.

An encoder of sound carries state from frame to frame and delays its input. So each chunk's encoder starts
some frames before the chunk and their packets are thrown away; and each chunk has one packet more than it is
long, which only the end of the film needs (``join``).
"""

import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np

from callrec.recorder.compose.film import Chunk
from callrec.recorder.compose.limiter import Sound
from callrec.recorder.compose.payload import OPUS_RATE_HZ


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


AAC = SoundCodec("aac", "fltp", 128_000, 1024, 1024, 1, 8)
OPUS = SoundCodec("libopus", "flt", 64_000, 960, 312, 0, 25)

SOUND_TIME_BASE = Fraction(1, OPUS_RATE_HZ)

# Measured on webcam-like clips: superfast with these costs the least CPU at this quality; one thread, because
# chunks are the parallelism. A keyframe each 3.2 s (at 25 a second) for seeking.
_X264 = {
    "preset": "superfast",
    "crf": "24",
    "x264-params": "bframes=0:rc-lookahead=0:sync-lookahead=0:subme=0:scenecut=0:weightp=0:threads=1"
    ":colorprim=smpte170m:transfer=smpte170m:colormatrix=smpte170m",
}
_KEYFRAMES_PER_CHUNK = 4
_MAX_BITS_PER_PIXEL = 1.3  # 2.7 Mbit/s for 1080p: only a very noisy picture comes near


def encode_chunk(
    chunk: Chunk,
    codec: SoundCodec,
    sound: Callable[[int, int], Sound],
    pictures: Iterable[av.VideoFrame] | None,
    size_px: tuple[int, int],
) -> bytes:
    """Return the chunk as a Matroska file.

    *sound* gives the mix between two samples of the film, also before its beginning and behind the chunk's
    end; *pictures* yields ``chunk.pictures`` frames of *size_px*, or is None where only sound is recorded.
    """
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="matroska") as container:
        video = _video_stream(container, chunk.fps, size_px) if pictures is not None else None
        audio = container.add_stream(codec.encoder, rate=OPUS_RATE_HZ)
        assert isinstance(audio, av.AudioStream)
        audio.codec_context.layout = "stereo"
        audio.codec_context.format = codec.sample_format
        audio.codec_context.bit_rate = codec.bit_rate_bps
        audio.codec_context.time_base = SOUND_TIME_BASE
        packets = _sound_packets(chunk, codec, sound, audio)
        sent = 0
        if video is not None and pictures is not None:
            for number, frame in enumerate(pictures):
                frame.pts, frame.time_base = number, Fraction(1, chunk.fps)
                container.mux(video.encode(frame))
                # Sound goes along, so that the file is interleaved.
                while sent * codec.frame_samples * chunk.fps < number * OPUS_RATE_HZ:
                    container.mux(next(packets))
                    sent += 1
            container.mux(video.encode(None))
        for packet in packets:
            container.mux(packet)
    return buffer.getvalue()


def packets_per_chunk(chunk: Chunk, codec: SoundCodec) -> int:
    """Return how many packets of sound a film has for *chunk* when another chunk follows."""
    return -(-chunk.samples // codec.frame_samples)


def _video_stream(
    container: av.container.OutputContainer, fps: int, size_px: tuple[int, int]
) -> av.VideoStream:
    width, height = size_px
    peak_kbps = int(width * height * _MAX_BITS_PER_PIXEL / 1000)
    keyframes = f":keyint={-(-fps * 64 // (5 * _KEYFRAMES_PER_CHUNK))}"
    limits = f":vbv-maxrate={peak_kbps}:vbv-bufsize={2 * peak_kbps}"
    options = dict(_X264)
    options["x264-params"] += keyframes + limits
    stream = container.add_stream("libx264", rate=fps, options=options)
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    # On the codec context: the stream's own is the container's business.
    stream.codec_context.time_base = Fraction(1, fps)
    stream.codec_context.thread_count = 1
    return stream


def _sound_packets(
    chunk: Chunk, codec: SoundCodec, sound: Callable[[int, int], Sound], stream: av.AudioStream
) -> "Iterator[av.Packet[av.AudioStream]]":
    wanted = packets_per_chunk(chunk, codec) + 1
    size = codec.frame_samples
    begin = chunk.first_sample - codec.warm_up_frames * size
    frames = codec.warm_up_frames + wanted + codec.delay_frames
    samples = sound(begin, begin + frames * size)
    planar = codec.sample_format.endswith("p")
    produced = 0
    for index in range(frames):
        piece = samples[:, index * size : (index + 1) * size]
        data = piece if planar else piece.T.reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(data), format=codec.sample_format, layout="stereo"
        )
        frame.sample_rate, frame.pts, frame.time_base = OPUS_RATE_HZ, index * size, SOUND_TIME_BASE
        for packet in stream.encode(frame):
            number = produced - codec.warm_up_frames
            produced += 1
            if 0 <= number < wanted:
                packet.pts = packet.dts = number * size
                packet.time_base = SOUND_TIME_BASE
                yield packet
