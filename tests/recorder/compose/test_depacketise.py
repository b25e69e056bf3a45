"""Packets in any order become whole frames."""

import struct

import pytest
from av.video.reformatter import ColorRange, Colorspace

from callrec.recorder.compose.colour import FILM, ColourSpace, parse_colour_space
from callrec.recorder.compose.depacketise import Reorder
from callrec.recorder.compose.payload import opus_samples
from callrec.recorder.compose.red import unpack_red
from callrec.recorder.compose.vp8 import parse_vp8
from callrec.recorder.folder.rtp import (
    RtpPacket,
    Unwrapper,
    extension_element,
    parse_rtp,
    sender_reports,
)

KEY, DELTA = b"\x10", b"\x11"  # first byte of a VP8 frame: the lowest bit says that it is no keyframe
FIRST, NEXT = b"\x10", b"\x00"  # payload descriptors


def packet(sequence: int, timestamp: int, payload: bytes, *, marker: bool = True) -> RtpPacket:
    return RtpPacket(96, marker, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, 1, payload)


def frames(reorder: Reorder) -> list[bytes]:
    return [unit.data for unit in reorder.release(float("inf"))]


def test_pieces_in_any_order_are_one_frame() -> None:
    reorder = Reorder({96: "vp8"})
    pieces = [
        packet(65_534, 10, FIRST + KEY + b"a", marker=False),
        packet(65_535, 10, NEXT + b"b", marker=False),
        packet(0, 10, NEXT + b"c"),
        packet(1, 20, FIRST + DELTA + b"d"),
    ]
    for index in (3, 1, 0, 2, 2):
        reorder.add(pieces[index])
    assert frames(reorder) == [KEY + b"abc", DELTA + b"d"]


@pytest.mark.parametrize("lost", [1, 2, 3])
def test_after_a_loss_nothing_before_the_next_keyframe(lost: int) -> None:
    reorder = Reorder({96: "vp8"})
    sent = [
        packet(0, 0, FIRST + KEY),
        packet(1, 10, FIRST + DELTA, marker=False),
        packet(2, 10, NEXT + b"x", marker=False),
        packet(3, 10, NEXT + b"y"),
        packet(4, 20, FIRST + DELTA),
        packet(5, 30, FIRST + KEY + b"k"),
        packet(6, 40, FIRST + DELTA + b"d"),
    ]
    for index, one in enumerate(sent):
        if index != lost:
            reorder.add(one)
    assert frames(reorder) == [KEY, KEY + b"k", DELTA + b"d"]


def test_a_stream_begins_with_a_keyframe() -> None:
    reorder = Reorder({96: "vp8"})
    reorder.add(packet(0, 0, FIRST + DELTA))
    reorder.add(packet(1, 10, FIRST + KEY))
    assert frames(reorder) == [KEY]


def test_padding_is_no_loss() -> None:
    reorder = Reorder({96: "vp8"})
    reorder.add(packet(0, 0, FIRST + KEY))
    reorder.add(packet(1, 0, b"", marker=False))
    reorder.add(packet(2, 10, FIRST + DELTA))
    assert frames(reorder) == [KEY, DELTA]


def test_what_comes_after_its_release_is_dropped() -> None:
    reorder = Reorder({96: "opus"})
    reorder.add(packet(0, 0, b"a"))
    reorder.add(packet(2, 20, b"c"))
    assert [u.data for u in reorder.release(30 + (1 << 32))] == [b"a", b"c"]
    reorder.add(packet(1, 10, b"b"))
    reorder.add(packet(3, 30, b"d"))
    (unit,) = reorder.release(40 + (1 << 32))
    assert (unit.data, unit.follows_loss) == (b"d", False)


def test_sound_says_what_it_follows() -> None:
    reorder = Reorder({96: "opus"})
    for sequence, timestamp in ((0, 0), (1, 5000), (3, 7000)):  # a pause, then a loss
        reorder.add(packet(sequence, timestamp, b"x"))
    assert [u.follows_loss for u in reorder.release(8000 + (1 << 32))] == [False, False, True]


def test_redundant_sound_stands_for_several_packets() -> None:
    heads = struct.pack("!II", (0x80 | 111) << 24 | 1920 << 10 | 2, (0x80 | 111) << 24 | 960 << 10 | 3)
    red = RtpPacket(63, True, 1, 1000, 1, heads + b"\x6f" + b"aa" + b"bbb" + b"newest")
    newest, old, older = unpack_red(red)
    assert newest == RtpPacket(111, True, 1, 1000, 1, b"newest")
    assert (old.sequence, old.timestamp, old.payload) == (65_535, (1 << 32) - 920, b"aa")
    assert (older.sequence, older.timestamp, older.payload) == (0, 40, b"bbb")
    assert [p.payload for p in unpack_red(red._replace(payload=b"\x6falone"))] == [b"alone"]
    for length in range(len(red.payload) - len(b"newest") + 1):
        assert list(unpack_red(red._replace(payload=red.payload[:length]))) == []


def test_counters_that_wrap_go_on() -> None:
    unwrap = Unwrapper(16)
    values = [unwrap(v) for v in (65_534, 65_535, 1, 0, 65_533, 2)]
    assert [v - values[0] for v in values] == [0, 1, 3, 2, -1, 4]


@pytest.mark.parametrize(
    ("descriptor", "begins"),
    [
        (b"\x10", True),
        (b"\x00", False),
        (b"\x11", False),  # begins partition 1, not the frame
        (b"\x90\x80\x05", True),  # 7-bit picture id
        (b"\x90\x80\x85\x01", True),  # 15-bit picture id
        (b"\x90\xe0\x85\x01\x02\x40", True),  # and temporal layers
    ],
)
def test_vp8_descriptors(descriptor: bytes, begins: bool) -> None:
    parsed = parse_vp8(descriptor + KEY + b"rest")
    assert parsed is not None
    assert (parsed.begins_frame, parsed.data) == (begins, KEY + b"rest")
    assert parse_vp8(descriptor) is None


@pytest.mark.parametrize(
    ("payload", "samples"),
    [
        (b"\x78\x00", 960),  # CELT, 20 ms
        (b"\x79\x00", 1920),  # two of them
        (b"\x7b\x03", 2880),  # three
        (b"\x08", 960),  # SILK, 20 ms, nothing in it (DTX)
        (b"\x18\x00", 2880),  # SILK, 60 ms
        (b"\x1b\x03", 0),  # 180 ms: not allowed
        (b"", 0),
    ],
)
def test_opus_durations(payload: bytes, samples: int) -> None:
    assert opus_samples(payload) == samples


def test_rtp_is_stripped_of_extensions_and_padding() -> None:
    head = struct.pack("!BBHII", 0xB1, 0xE0, 7, 8, 9)
    csrc, extension = b"\x00" * 4, b"\xbe\xde\x00\x01\x10\x00\x00\x00"
    parsed = parse_rtp(head + csrc + extension + b"payload" + b"\x00\x00\x03")
    assert parsed == RtpPacket(96, True, 7, 8, 9, b"payload", extension)


ONE_BYTE, TWO_BYTE = b"\xbe\xde\x00\x04", b"\x10\x05\x00\x04"  # four words


@pytest.mark.parametrize(
    ("extension", "data"),
    [
        (ONE_BYTE + b"\x10m\x00\x83\x01\x02\x03\x04", b"\x01\x02\x03\x04"),
        (ONE_BYTE + b"\x80\x08", b"\x08"),
        (TWO_BYTE + b"\x01\x00\x00\x02\x01m\x08\x04\x01\x02\x03\x04", b"\x01\x02\x03\x04"),
        (TWO_BYTE + b"\x08\x00", b""),
        (ONE_BYTE + b"\x10m\x00\x00", None),
        (ONE_BYTE + b"\xf0m\x80x", None),  # 15: what follows is not to be read
        (ONE_BYTE + b"\x01mm\x80x", None),  # so with a 0 that has a length
        (ONE_BYTE + b"\x83\x01\x02\x03", None),  # truncated
        (TWO_BYTE + b"\x08\x02\x01", None),
        (TWO_BYTE + b"\x08", None),
        (b"\x20\x00\x00\x01\x80x\x00\x00", None),  # another profile
        (b"", None),
    ],
)
def test_elements_of_header_extensions(extension: bytes, data: bytes | None) -> None:
    assert extension_element(extension, 8) == data


def told(packet: RtpPacket, colour_space: bytes) -> RtpPacket:
    """Return *packet* with colour space, padded to words."""
    element = bytes([0x80 | len(colour_space) - 1]) + colour_space
    return packet._replace(extension=b"\xbe\xde\x00\x02" + element + bytes(8 - len(element)))


CANVAS, LIMITED_709 = b"\x01\x01\x01\x20", b"\x01\x01\x01\x15"


def test_a_colour_space_holds_until_told_anew() -> None:
    sent = [
        packet(0, 0, FIRST + DELTA),
        packet(1, 10, FIRST + KEY, marker=False),
        told(packet(2, 10, NEXT + b"rest"), CANVAS),
        packet(3, 20, FIRST + DELTA),
        told(packet(4, 30, FIRST + DELTA), LIMITED_709),
        packet(5, 40, FIRST + DELTA),
        told(packet(6, 50, FIRST + KEY), CANVAS),
        packet(7, 60, FIRST + KEY),
        packet(8, 70, FIRST + DELTA),
    ]
    canvas, limited = (ColourSpace(Colorspace.ITU709, r) for r in (ColorRange.JPEG, ColorRange.MPEG))
    for colour_id, wanted in (
        (8, [canvas, canvas, limited, limited, canvas, None, None]),
        (7, [None] * 7),
        (None, [None] * 7),
    ):
        reorder = Reorder({96: "vp8"}, colour_id=colour_id)
        for one in sent:
            reorder.add(one, retransmitted=one.sequence == 2)
        assert [unit.colour for unit in reorder.release(float("inf"))] == wanted


@pytest.mark.parametrize(
    ("data", "colour"),
    [
        (CANVAS, ColourSpace(Colorspace.ITU709, ColorRange.JPEG)),
        (b"\x09\x10\x09\x1a" + bytes(24), ColourSpace(Colorspace.BT2020, ColorRange.MPEG)),
        (b"\x06\x06\x06\x20", ColourSpace(Colorspace.ITU601, ColorRange.JPEG)),
        (b"\x06\x06\x06\x10", FILM),
        (b"\x01\x01\x05\x10", FILM),
        (b"\x01\x01\x00\x30", FILM),  # RGB in YUV pictures there is not; range by the matrix
        (b"\x01\x01\xff\x00", FILM),
        (b"\x01\x01\x01", FILM),
        (CANVAS + b"x", FILM),
        (b"", FILM),
    ],
)
def test_what_a_colour_space_says(data: bytes, colour: ColourSpace) -> None:
    assert parse_colour_space(data) == colour


@pytest.mark.parametrize(
    "data", [b"", b"\x80" * 11, b"\x00" * 20, b"\x90" + b"\xff" * 12, b"\xa0" + b"\xff" * 12]
)
def test_what_is_no_rtp_is_passed_over(data: bytes) -> None:
    assert parse_rtp(data) is None


def test_sender_reports_of_a_compound() -> None:
    report = struct.pack("!BBHIQIII", 0x80, 200, 6, 5, (100 << 32) + (1 << 31), 7, 0, 0)
    receiver_report = struct.pack("!BBHI", 0x80, 201, 1, 5)
    assert list(sender_reports(receiver_report + report + b"\x80\xc8\x00\x06torn")) == [(5, 100_500.0, 7)]
