"""Media types by content: real files of every kind, and damaged beginnings."""

from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callrec.conversation.media_type import EXTENSIONS, HEAD_BYTES, fits, sniff
from tests.conversation.ogg_pages import THEORA, VORBIS, page


def make(path: Path, container_format: str, *codecs: str, options: dict[str, str] | None = None) -> bytes:
    """Write half a second of media with one stream per codec and return the file's first bytes."""
    with av.open(str(path), "w", format=container_format, options=options or {}) as container:
        streams: list[av.VideoStream | av.AudioStream] = []
        for codec in codecs:
            if av.Codec(codec, "w").type == "video":
                video = container.add_stream(codec, rate=25)
                assert isinstance(video, av.VideoStream)
                video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
                streams.append(video)
            else:
                audio = container.add_stream(codec, rate=48000)
                assert isinstance(audio, av.AudioStream)
                streams.append(audio)
        for stream in streams:
            if isinstance(stream, av.VideoStream):
                for n in range(5):
                    frame = av.VideoFrame.from_ndarray(np.full((72, 64), n, np.uint8), format="yuv420p")
                    frame.pts = n
                    container.mux(stream.encode(frame))
            else:
                for n in range(5):
                    sound = av.AudioFrame.from_ndarray(np.zeros((2, 960), np.float32), "fltp", "stereo")
                    sound.sample_rate, sound.pts = 48000, n * 960
                    container.mux(stream.encode(sound))
            container.mux(stream.encode(None))
    with path.open("rb") as file:
        return file.read(HEAD_BYTES)


@pytest.mark.parametrize(
    ("container", "codecs", "expected"),
    [
        ("ogg", ["libopus"], "audio/ogg"),
        ("ogg", ["flac"], "audio/ogg"),
        ("webm", ["libvpx", "libopus"], "video/webm"),
        ("matroska", ["libvpx", "libopus"], "video/x-matroska"),
        ("mp4", ["libx264", "aac"], "video/mp4"),
        ("mp4", ["aac"], "video/mp4"),
        ("mp4", ["libvpx-vp9", "libopus"], "video/mp4"),
        ("ipod", ["libx264", "aac"], "video/mp4"),
        ("psp", ["libx264", "aac"], "video/mp4"),
        ("mov", ["libx264", "aac"], None),
        ("wav", ["pcm_s16le"], None),
        ("adts", ["aac"], None),
        ("mpegts", ["libx264"], None),
    ],
)
def test_real_files(tmp_path: Path, container: str, codecs: list[str], expected: str | None) -> None:
    assert sniff(make(tmp_path / "file", container, *codecs)) == expected


@pytest.mark.parametrize(
    "options",
    [
        {"movflags": "faststart"},
        {"movflags": "frag_keyframe+empty_moov"},
        {"movflags": "frag_keyframe+empty_moov+default_base_moof"},
        {"movflags": "dash+frag_keyframe"},
        {"movflags": "cmaf"},
        {"brand": "mp42"},
        {"brand": "avc1"},
    ],
    ids=lambda options: next(iter(options.values())),
)
def test_variants_of_mp4(tmp_path: Path, options: dict[str, str]) -> None:
    assert sniff(make(tmp_path / "file", "mp4", "libx264", "aac", options=options)) == "video/mp4"


@pytest.mark.parametrize(
    ("pages", "expected"),
    [
        ([page(VORBIS)], "audio/ogg"),
        ([page(VORBIS), page(THEORA)], "video/ogg"),
        ([page(b"fishead\0"), page(THEORA), page(VORBIS)], "video/ogg"),
        ([page(b"fishead\0"), page(b"unknown")], None),
        # Only the first pages name codecs: what follows is data that may look like anything.
        ([page(VORBIS), page(b"\x03vorbis", flags=0), page(THEORA)], "audio/ogg"),
    ],
)
def test_every_first_page_of_an_ogg_file_counts(pages: list[bytes], expected: str | None) -> None:
    assert sniff(b"".join(pages)) == expected


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"OggS",
        b"OggS" + bytes(23),
        b"\x1a\x45\xdf\xa3",
        b"\x1a\x45\xdf\xa3\x84\x42\x82\x8f",
        b"\x1a\x45\xdf\xa3\x80",
        b"\0\0\0\x18ftypM4A ",
        b"\0\0\0\x18ftyp",
        b"<html><script>alert(1)</script>",
        b"\x89PNG\r\n\x1a\n",
    ],
)
def test_damaged_or_foreign_beginnings_are_nothing(head: bytes) -> None:
    assert sniff(head) is None


@given(st.sampled_from([b"OggS", b"\x1a\x45\xdf\xa3", b"\0\0\0\x18ftyp", b""]), st.binary(max_size=300))
def test_never_fails(magic: bytes, rest: bytes) -> None:
    assert sniff(magic + rest) in {None, *EXTENSIONS}


def test_ebml_header_with_other_elements_before_the_doctype() -> None:
    version, doctype = b"\x42\x86\x81\x01", b"\x42\x82\x84webm"
    body = version + doctype
    assert sniff(b"\x1a\x45\xdf\xa3" + bytes([0x80 | len(body)]) + body) == "video/webm"


def test_the_last_extension_must_fit_in_any_case() -> None:
    assert fits("audio/ogg", "a.ogg")
    assert fits("video/webm", "Recording 1.WebM")
    assert fits("video/mp4", "a.exe.mp4")
    assert not fits("video/mp4", "a.mp4.exe")
    assert not fits("audio/ogg", "a.ogv")
    assert not fits("audio/ogg", "ogg")
