"""Encodes one chunk. Pictures form closed groups; sound is encoded so that it fits to the next chunk's.

An encoder of sound carries state from frame to frame and delays its input. So each chunk's encoder starts
some frames before the chunk and their packets are thrown away; and each chunk has one packet more than it is
long, which only the end of the film needs (``join``).
"""

import io
import itertools
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction

import av
import numpy as np
from av.stream import Stream
from av.video.frame import PictureType

from callrec.recorder.compose.coding import (
    REPEATABLE,
    SOUND_TIME_BASE,
    Coding,
    PictureCodec,
    SoundCodec,
    configure,
    keyframe_interval,
)
from callrec.recorder.compose.encoder_thread import encode_beside
from callrec.recorder.compose.film import Chunk
from callrec.recorder.compose.limiter import Sound
from callrec.recorder.compose.payload import OPUS_RATE_HZ
from callrec.recorder.compose.repeats import repeats_for


def encode_chunk(
    chunk: Chunk,
    coding: Coding,
    sound: Callable[[int, int], Sound],
    pictures: Iterable[av.VideoFrame | None] | None,
    size_px: tuple[int, int],
    *,
    beside: bool = False,
) -> bytes:
    """Return the chunk as a Matroska file.

    *sound* gives the mix between two samples of the film, also before its beginning and behind the chunk's
    end. *pictures* yields ``chunk.pictures`` frames of *size_px*, or None where a picture is as the one
    before, which costs next to nothing; it is None where only sound is recorded. *beside*: they are encoded
    in another thread than they are drawn in, for a core that has nothing to do; the file is the same.
    """
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="matroska", options=REPEATABLE) as container:
        video = None
        if pictures is not None and coding.pictures is not None:
            video = _picture_packets(chunk, coding.pictures, pictures, size_px, container, beside=beside)
        packets = _sound_packets(chunk, coding.sound, sound, container)
        sent = 0
        for number, packet in enumerate(video or ()):
            container.mux(packet)
            # Sound goes along, so that the file is interleaved.
            while sent * coding.sound.frame_samples * chunk.fps < number * OPUS_RATE_HZ:
                container.mux(next(packets))
                sent += 1
        for sound_packet in packets:
            container.mux(sound_packet)
    return buffer.getvalue()


def packets_per_chunk(chunk: Chunk, codec: SoundCodec) -> int:
    """Return how many packets of sound a film has for *chunk* when another chunk follows."""
    return -(-chunk.samples // codec.frame_samples)


def _picture_packets(
    chunk: Chunk,
    codec: PictureCodec,
    pictures: Iterable[av.VideoFrame | None],
    size_px: tuple[int, int],
    container: av.container.OutputContainer,
    *,
    beside: bool,
) -> "Iterator[av.Packet[Stream]]":
    """Add a stream at once, and return its packets, one for each picture."""
    stream = container.add_stream(codec.encoder, rate=chunk.fps)
    assert isinstance(stream, av.VideoStream)
    configure(stream.codec_context, codec, chunk.fps, size_px)
    repeats = repeats_for(codec, chunk.fps, size_px)
    numbers = itertools.count()

    def encode(picture: av.VideoFrame | None) -> "av.Packet[Stream]":
        if picture is None:
            packet = av.Packet(repeats.repeat())
        else:
            (encoded,) = stream.encode(picture)
            packet = av.Packet(repeats.encoded(bytes(encoded)))
            packet.is_keyframe = encoded.is_keyframe
        packet.stream = stream
        packet.pts = packet.dts = next(numbers)
        packet.duration, packet.time_base = 1, Fraction(1, chunk.fps)
        return packet

    to_encode = _to_encode(pictures, chunk.fps)
    return encode_beside(encode, to_encode) if beside else map(encode, to_encode)


def _to_encode(pictures: Iterable[av.VideoFrame | None], fps: int) -> Iterator[av.VideoFrame | None]:
    """Yield the pictures as the encoder is to get them, None where the one before is repeated."""
    interval = keyframe_interval(fps)
    latest: av.VideoFrame | None = None
    for number, frame in enumerate(pictures):
        latest = frame or latest
        assert latest is not None, "the first picture of a chunk is one"
        keyframe = number % interval == 0
        if frame is None and not keyframe:
            yield None
        else:
            latest.pts, latest.time_base = number, Fraction(1, fps)
            latest.pict_type = PictureType.I if keyframe else PictureType.NONE
            yield latest


def _sound_packets(
    chunk: Chunk,
    codec: SoundCodec,
    sound: Callable[[int, int], Sound],
    container: av.container.OutputContainer,
) -> "Iterator[av.Packet[av.AudioStream]]":
    """Add a stream at once, and return its packets."""
    stream = container.add_stream(codec.encoder, rate=OPUS_RATE_HZ)
    assert isinstance(stream, av.AudioStream)
    stream.codec_context.layout = "stereo"
    stream.codec_context.format = codec.sample_format
    stream.codec_context.bit_rate = codec.bit_rate_bps
    stream.codec_context.time_base = SOUND_TIME_BASE

    def packets() -> "Iterator[av.Packet[av.AudioStream]]":
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

    return packets()
