"""Chunks that were made each on its own, in every container: no joint is to be heard or seen."""

from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
import pytest

from callrec.conversation.media_type import HEAD_BYTES, fits, sniff
from callrec.recorder.compose.formats import FORMATS
from callrec.recorder.compose.planes import frame_planes
from tests.recorder.compose.films import (
    FILM_MS,
    JOINT_MS,
    LONGER_MS,
    PICTURES,
    SIZE_PX,
    TONE_HZ,
    shown,
    write_film,
)
from tests.recorder.compose.watching import distortion

CODECS = {
    ".mp4": ["aac", "h264"],
    ".mkv": ["aac", "h264"],
    ".webm": ["opus", "vp9"],
    ".ogg": ["opus"],
}


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
