"""Chunks that were made each on its own, in every container: no joint is to be heard or seen."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
import pytest

from callrec.conversation.media_type import HEAD_BYTES, fits, sniff
from callrec.recorder.compose.chapters import Chapter
from callrec.recorder.compose.coding import CODINGS
from callrec.recorder.compose.encode import encode_chunk
from callrec.recorder.compose.film import Chunk, chunks_of
from callrec.recorder.compose.formats import FORMATS
from callrec.recorder.compose.join import About, join
from callrec.recorder.compose.limiter import Sound
from callrec.recorder.compose.planes import frame_planes
from tests.recorder.compose.watching import distortion

DURATION_MS = 16_020  # a whole chunk and a short one
PICTURES = 401
FILM_MS, JOINT_MS = 16_040, 12_800
SIZE_PX = (320, 180)
TONE_HZ = 440
BITS = 16
ABOUT = About(
    1_700_000_000.25,
    ("Anna Åström", "Ben"),
    (Chapter(0, 13_000, "Anna Åström joined"), Chapter(13_000, FILM_MS, "Ben shares the screen")),
)
CODECS = {
    ".mp4": ["aac", "h264"],
    ".mkv": ["aac", "h264"],
    ".webm": ["opus", "vp9"],
    ".ogg": ["opus"],
}
LONGER_MS = {".mp4": 0, ".mkv": 22, ".webm": 8, ".ogg": 7}
"""Matroska and Ogg count what the decoder of sound gives out before the first sample."""


def tone(start: int, end: int) -> Sound:
    """A sine that begins with the film."""
    samples = np.arange(start, end)
    sound = 0.3 * np.sin(2 * np.pi * TONE_HZ * samples / 48000) * (samples >= 0)
    return np.stack([sound, sound]).astype(np.float32)


def numbered(chunk: Chunk, *, still: int = 1) -> Iterator[av.VideoFrame | None]:
    """Pictures that show their number in the film, rounded down to a multiple of *still*."""
    width, height = SIZE_PX
    for number in range(chunk.first_picture, chunk.first_picture + chunk.pictures):
        if number % still and number != chunk.first_picture:
            yield None
            continue
        picture = np.full((height * 3 // 2, width), 128, np.uint8)
        for bit in range(BITS):
            bright = (number // still * still) >> bit & 1
            picture[:height, bit * width // BITS : (bit + 1) * width // BITS] = 200 if bright else 40
        yield av.VideoFrame.from_ndarray(picture, format="yuv420p")


def shown(frame: av.VideoFrame) -> int:
    """Read the number."""
    row = frame_planes(frame).y[SIZE_PX[1] // 2]
    block = SIZE_PX[0] // BITS
    return sum(1 << bit for bit in range(BITS) if row[bit * block + block // 2] > 120)


def write_film(directory: Path, extension: str, *, still: int = 1) -> Path:
    """Make a film; *still*: a picture stands for so long."""
    form = FORMATS[extension]
    coding = CODINGS[form.coding]
    chunks = chunks_of(DURATION_MS, 25)
    for chunk in chunks:
        pictures = numbered(chunk, still=still) if coding.pictures else None
        chunk.path(directory).write_bytes(encode_chunk(chunk, coding, tone, pictures, SIZE_PX))
    output = directory / f"Film{extension}"
    join(chunks, directory, coding.sound, output, ABOUT)
    return output


class Made(NamedTuple):
    """A film and what it is."""

    path: Path
    extension: str

    @property
    def video(self) -> bool:
        return self.extension != ".ogg"


@pytest.fixture(scope="module", params=list(FORMATS))
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Made:
    extension = str(request.param)
    return Made(write_film(tmp_path_factory.mktemp("film"), extension), extension)


def test_the_tone_goes_on_over_the_joints(made: Made) -> None:
    with av.open(made.path) as container:
        sound = np.concatenate([f.to_ndarray()[0] for f in container.decode(audio=0)]).astype(np.float64)
    assert FILM_MS <= len(sound) / 48 <= FILM_MS + 21  # what is behind the end in the last packet
    off = distortion(sound[: (FILM_MS - 40) * 48], TONE_HZ)
    # A step of one sample in this tone is 0.012 of RMS.
    assert off[8:].max() < 0.003
    places_ms = np.arange(len(off)) * 5
    assert off[np.abs(places_ms - JOINT_MS) <= 60].max() < 0.001


def test_the_tone_begins_with_the_film(made: Made) -> None:
    with av.open(made.path) as container:
        first = next(container.decode(audio=0))
        sound = np.concatenate([first.to_ndarray()[0], next(container.decode(audio=0)).to_ndarray()[0]])
    assert first.pts is not None and first.time_base is not None
    start_ms = float(first.pts * first.time_base) * 1000
    loud = int(np.argmax(np.abs(sound) > 0.02)) / 48
    assert abs(start_ms + loud) <= 2


def test_every_picture_is_there_once(made: Made) -> None:
    if not made.video:
        return
    with av.open(made.path) as container:
        frames = [(round((f.time or 0) * 1000), shown(f)) for f in container.decode(video=0)]
    assert frames == [(number * 40, number) for number in range(PICTURES)]


def test_what_the_file_says(made: Made) -> None:
    with av.open(made.path) as container:
        streams = [s for s in container.streams if s.type in ("audio", "video")]
        assert sorted(s.codec_context.name.removeprefix("lib") for s in streams) == CODECS[made.extension]
        assert container.streams.audio[0].codec_context.sample_rate == 48_000
        assert container.streams.audio[0].codec_context.layout.name == "stereo"
        if made.video:
            (video,) = container.streams.video
            assert video.average_rate == 25
            assert (video.width, video.height) == SIZE_PX
        assert container.duration is not None
        assert 0 <= container.duration / 1000 - FILM_MS <= LONGER_MS[made.extension]
        chapters = [
            (float(c["start"] * (c["time_base"] or 0)), c["metadata"]["title"]) for c in container.chapters()
        ]
        assert chapters == [(0, "Anna Åström joined"), (13, "Ben shares the screen")]
        # Ogg's tags are those of its stream.
        tags = {**streams[0].metadata, **container.metadata}
        tags = {key.lower(): value for key, value in tags.items()}
    assert tags["title"] == "Film"
    assert tags["artist"] == "Anna Åström, Ben"
    assert tags["date"] == "2023-11-14T22:13:20Z"
    assert tags["creation_time"].startswith("2023-11-14T22:13:20")


def test_the_conversation_server_takes_it(made: Made) -> None:
    media_type = sniff(made.path.read_bytes()[:HEAD_BYTES])
    assert media_type is not None
    assert fits(media_type, made.path.name)


def test_the_index_is_in_front(made: Made) -> None:
    data = made.path.read_bytes()
    if made.extension == ".mp4":
        assert 0 < data.index(b"moov") < data.index(b"mdat")
    elif made.video:  # Matroska's Cues, before the first Cluster
        assert 0 < data.index(b"\x1c\x53\xbb\x6b") < data.index(b"\x1f\x43\xb6\x75")


def test_keyframes_are_close_enough_to_seek(made: Made) -> None:
    if not made.video:
        return
    with av.open(made.path) as container:
        stream = container.streams.video[0]
        packets = [p for p in container.demux(stream) if p.size]
    keyframes = [number for number, packet in enumerate(packets) if packet.is_keyframe]
    assert max(b - a for a, b in pairwise([*keyframes, PICTURES])) <= 80
    assert {0, 320} <= set(keyframes)


def test_the_same_chunks_again_are_the_same_file(made: Made, tmp_path: Path) -> None:
    if made.extension == ".mkv":  # the chunks of .mp4, joined by the code of .webm
        return
    assert write_film(tmp_path, made.extension).read_bytes() == made.path.read_bytes()


@pytest.mark.parametrize(("extension", "decoders"), [(".mp4", ["h264"]), (".webm", ["vp9", "libvpx-vp9"])])
def test_pictures_that_stand_still_are_repeated(tmp_path: Path, extension: str, decoders: list[str]) -> None:
    path = write_film(tmp_path, extension, still=30)
    with av.open(path) as container:
        packets = [p for p in container.demux(container.streams.video[0]) if p.size]
    assert len(packets) == PICTURES
    # What was encoded: each 30th picture, the first of each chunk, and each 80th as a keyframe.
    repeated = [p for p in packets if p.size < 40]
    assert len(repeated) > 370
    for decoder in decoders:
        with av.open(path) as container:
            stream = container.streams.video[0]
            context = av.CodecContext.create(decoder, "r")
            assert isinstance(context, av.VideoCodecContext)
            context.extradata = stream.codec_context.extradata
            frames = [f for p in container.demux(stream) for f in context.decode(p if p.size else None)]
        assert [shown(frame) for frame in frames] == [number // 30 * 30 for number in range(PICTURES)]
        for number in range(60, 75):  # not only the number: bit by bit, and a keyframe is not among these
            assert np.array_equal(frame_planes(frames[number]).y, frame_planes(frames[60]).y)
