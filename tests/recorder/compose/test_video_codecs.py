"""Pictures of PyAV's encoders, in packets, come out again as they were."""

import random
from collections import deque
from fractions import Fraction

import av
import numpy as np
import pytest

from callrec.recorder.compose.av1 import Av1
from callrec.recorder.compose.depacketise import VIDEO_CODECS, Reorder, Unit
from callrec.recorder.compose.h264 import H264
from callrec.recorder.compose.payload import Coded
from callrec.recorder.compose.picture import StreamPicture
from callrec.recorder.compose.track_log import Frame
from callrec.recorder.folder.rtp import RtpPacket
from tests.recorder.clips import CODE_BITS, KEYFRAME_EVERY, clip_picture, encoded_clip
from tests.recorder.packetise import MTU_BYTES, nal_units, obus, packetise

CODECS = sorted(VIDEO_CODECS)
PAYLOAD_TYPES = {96: "vp8", 98: "vp9", 102: "h264", 45: "av1"}
SIZE, COLOUR = (320, 240), (90, 200)
PICTURES = 2 * KEYFRAME_EVERY + 10


def sent(codec: str, pictures: range = range(PICTURES), first_sequence: int = 65_500) -> list[RtpPacket]:
    """Return the packets of a clip's *pictures*, with counters that wrap."""
    (payload_type,) = (number for number, name in PAYLOAD_TYPES.items() if name == codec)
    packets: list[RtpPacket] = []
    for number in pictures:
        frame = encoded_clip(SIZE, COLOUR, codec)[number]
        payloads = packetise(codec, frame, number, keyframe=number % KEYFRAME_EVERY == 0)
        for index, payload in enumerate(payloads):
            sequence, timestamp = first_sequence + len(packets) & 0xFFFF, (1 << 32) - 90_000 + 3600 * number
            marker = index == len(payloads) - 1
            packets.append(RtpPacket(payload_type, marker, sequence, timestamp & 0xFFFFFFFF, 1, payload, b""))
    return packets


def received(packets: list[RtpPacket]) -> list[Unit]:
    reorder = Reorder(PAYLOAD_TYPES)
    for packet in packets:
        reorder.add(packet)
    return reorder.release(float("inf"))


def same(codec: str, data: bytes, frame: bytes) -> bool:
    """Tell whether nothing differs but the length of start codes."""
    return nal_units(data) == nal_units(frame) if codec == "h264" else data == frame


def numbers(codec: str, units: list[Unit]) -> list[int]:
    """Return which pictures of the clip these are, by their timestamps, and check their bytes."""
    first = (1 << 32) - 90_000
    found = [(unit.timestamp - first) % (1 << 32) // 3600 for unit in units]
    for number, unit in zip(found, units, strict=True):
        assert same(codec, unit.data, encoded_clip(SIZE, COLOUR, codec)[number]), number
        assert (unit.keyframe, unit.codec) == (number % KEYFRAME_EVERY == 0, codec)
    return found


@pytest.mark.parametrize("codec", CODECS)
def test_in_order_and_out_of_order_all_comes_back_bit_by_bit(codec: str) -> None:
    packets = sent(codec)
    assert max(len(packet.payload) for packet in packets) <= (1200 if codec == "vp8" else MTU_BYTES + 20)
    assert numbers(codec, received(packets)) == list(range(PICTURES))
    chance = random.Random(3)
    later = sorted(range(1, len(packets)), key=lambda index: index + chance.randrange(9))
    shuffled = [packets[0], *(packets[index] for index in later), *packets[5:9]]
    assert numbers(codec, received(shuffled)) == list(range(PICTURES))


@pytest.mark.parametrize("codec", CODECS)
def test_a_loss_costs_what_lies_before_the_next_keyframe(codec: str) -> None:
    packets = sent(codec)
    of_picture = {n: [p for p in packets if p.timestamp == stamp] for n, stamp in enumerate(stamps(packets))}
    for number in (0, 20, KEYFRAME_EVERY, KEYFRAME_EVERY + 1):
        for lost in of_picture[number]:
            units = received([packet for packet in packets if packet is not lost])
            again = -(-(number + 1) // KEYFRAME_EVERY) * KEYFRAME_EVERY
            assert numbers(codec, units) == [*range(number), *range(again, PICTURES)]


def stamps(packets: list[RtpPacket]) -> list[int]:
    return list(dict.fromkeys(packet.timestamp for packet in packets))


def shown_code(picture: StreamPicture) -> int:
    """Return the number of the frame that is shown, as its blocks say."""
    planes = picture.scaled(*SIZE)
    block = SIZE[0] // CODE_BITS
    bits = [planes.y[8:20, i * block + 5 : i * block + 15].mean() > 120 for i in range(CODE_BITS)]
    return sum(1 << i for i, bit in enumerate(bits) if bit)


@pytest.mark.parametrize("codec", CODECS)
def test_each_picture_is_decoded_at_once_and_is_the_source(codec: str) -> None:
    frames = deque(
        Frame(number * 40, unit.data, unit.keyframe, unit.codec)
        for number, unit in enumerate(received(sent(codec, range(60))))
    )
    picture = StreamPicture(frames)
    for number in range(60):
        picture.advance(number * 40)
        assert shown_code(picture) == number
    y, u, v = picture.scaled(*SIZE)
    source = clip_picture(59, SIZE, COLOUR)
    assert np.abs(y.astype(int) - source[: SIZE[1]]).mean() < 4
    assert (float(u.mean()), float(v.mean())) == pytest.approx(COLOUR, abs=2)


@pytest.mark.parametrize("codec", ["h264", "vp9", "av1"])
@pytest.mark.parametrize("begins", [KEYFRAME_EVERY, KEYFRAME_EVERY - 7])
def test_another_codec_in_mid_track_goes_on_at_its_keyframe(codec: str, begins: int) -> None:
    before = sent("vp8", range(begins))
    after = sent(codec, range(begins, PICTURES), first_sequence=65_500 + len(before) & 0xFFFF)
    units = received(before + after)
    assert numbers("vp8", [unit for unit in units if unit.codec == "vp8"]) == list(range(begins))
    changed = [unit for unit in units if unit.codec == codec]
    assert numbers(codec, changed) == list(range(KEYFRAME_EVERY, PICTURES))
    assert not any(unit.follows_loss for unit in units)
    picture = StreamPicture(
        deque(Frame(n * 40, unit.data, unit.keyframe, unit.codec) for n, unit in enumerate(units))
    )
    picture.advance((begins - 1) * 40)
    assert shown_code(picture) == begins - 1
    picture.advance(begins * 40)
    assert shown_code(picture) == KEYFRAME_EVERY


@pytest.mark.parametrize("codec", CODECS)
def test_garbage_is_no_picture_and_does_no_harm(codec: str) -> None:
    chance = random.Random(5)
    payloads = [packet.payload for packet in sent(codec, range(3))]
    assembler = VIDEO_CODECS[codec]()
    for _ in range(4000):
        damaged = []
        for payload in chance.sample(payloads, chance.randrange(1, 4)):
            some = bytearray(payload)
            for _ in range(chance.randrange(4)):
                some[chance.randrange(min(len(some), 12))] = chance.randrange(256)
            damaged.append(bytes(some[: chance.randrange(1, len(some) + 1)]))
        assembler.assemble(damaged, cut=chance.random() < 0.3)
        assembler.continues(damaged[0])


# H.264

SPS, PPS, IDR, SLICE, SEI = (bytes([0x60 | kind]) + b"data" for kind in (7, 8, 5, 1, 6))


def annex_b(*units: bytes) -> bytes:
    return b"".join(b"\0\0\0\1" + unit for unit in units)


def test_parameter_sets_may_come_before_their_keyframe() -> None:
    assembler = H264()
    assert assembler.assemble([IDR], cut=False) is None
    assert assembler.assemble([SPS], cut=False) == Coded(b"", False)
    assert assembler.assemble([IDR], cut=False) is None
    assert assembler.assemble([PPS], cut=False) == Coded(b"", False)
    assert assembler.assemble([SEI, IDR], cut=False) == Coded(annex_b(SEI, SPS, PPS, IDR), True)
    assert assembler.assemble([SLICE], cut=False) == Coded(annex_b(SLICE), False)
    assert assembler.assemble([SPS, PPS, IDR], cut=False) == Coded(annex_b(SPS, PPS, IDR), True)


def test_parameter_sets_alone_are_no_loss() -> None:
    packets = sent("h264", range(3))
    moved = packets[0].timestamp - 90
    (aggregate, *rest) = packets
    assert aggregate.payload[0] & 0x1F == 24
    units = received([aggregate._replace(timestamp=moved, marker=True), *rest])
    assert [unit.keyframe for unit in units] == [True, False, False]
    assert [nal[0] & 0x1F for nal in nal_units(units[0].data)] == [6, 7, 8, 5]


@pytest.mark.parametrize(
    "payloads",
    [
        [b"\x78\x00\x05" + SLICE[:4]],  # STAP-A: torn
        [b"\x78\x00"],
        [b"\x78\x00\x00"],
        [b"\x7c\x81a", b"\x7c\x01b"],  # FU-A: its end is missing
        [b"\x7c\x01b", b"\x7c\x41c"],  # its start
        [b"\x7c\x81a", SLICE],
        [b"\x7c\x81a", b"\x7c\x81b", b"\x7c\x41c"],  # begins twice
        [b"\x7c"],
        [b"\x79\x00\x00\x00\x05" + SLICE],  # STAP-B
        [b"\x60rest"],
    ],
)
def test_what_is_no_h264_picture(payloads: list[bytes]) -> None:
    assert H264().assemble(payloads, cut=False) is None


# AV1


def test_av1_elements_of_all_forms() -> None:
    frame = encoded_clip(SIZE, COLOUR, "av1")[0]
    units = list(obus(frame))
    assert [unit[0] >> 3 for unit in units] == [1, 6]
    sequence, picture = units
    wanted = Coded(frame, True)
    size = bytes([len(picture) & 0x7F | 0x80, len(picture) >> 7])
    delimiter = b"\x12\x00"  # has its own size, and is not to be sent
    for payloads in (
        [b"\x08" + bytes([len(sequence)]) + sequence + size + picture],
        [b"\x28" + bytes([len(sequence)]) + sequence + picture],
        [b"\x18" + sequence, b"\x10" + picture],
        [b"\x58" + sequence[:3], b"\xa0" + bytes([len(sequence) - 3]) + sequence[3:] + picture],
        [b"\x50" + sequence[:3], b"\xd0" + sequence[3:5], b"\x90" + sequence[5:], b"\x10" + picture],
        [b"\x30\x02" + delimiter + bytes([len(sequence)]) + sequence + picture],
        [b"\x20" + bytes([len(sequence) + 1, sequence[0] | 2, len(sequence) - 1]) + sequence[1:] + picture],
    ):
        assert Av1().assemble(payloads, cut=False) == wanted
        assert Av1().assemble(payloads, cut=True) is None
    alone = delimiter + bytes([picture[0] | 2, len(picture) - 1]) + picture[1:]
    assert Av1().assemble([b"\x10" + picture], cut=False) == Coded(alone, False)


@pytest.mark.parametrize(
    "payloads",
    [
        [b"\x90\x30abc"],  # the beginning is missing
        [b"\x50\x30abc"],  # the end
        [b"\x50\x30abc", b"\x10\x30abc"],
        [b"\x00\x05\x30abc"],  # torn
        [b"\x00\x00"],
        [b"\x20\x04\x30abc"],  # two announced
        [b"\x00" + b"\xff" * 9],
        [b"\x10\x32\x09abc"],  # its own size goes beyond it
        [b"\x10\x34"],  # an extension that is not there
        [b"\x10\x12\x00"],  # nothing but a delimiter
        [b"\x00"],
    ],
)
def test_what_is_no_av1_picture(payloads: list[bytes]) -> None:
    assert Av1().assemble(payloads, cut=False) is None


def test_a_stream_of_full_range_or_other_colours_says_so_itself() -> None:
    encoder = av.CodecContext.create("libx264", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height = SIZE
    encoder.pix_fmt, encoder.framerate = "yuv420p", Fraction(25)
    encoder.options = {"tune": "zerolatency", "x264-params": "fullrange=on:colormatrix=bt709", "qp": "4"}
    red = np.zeros((SIZE[1] * 3 // 2, SIZE[0]), np.uint8)
    red[: SIZE[1]] = 54  # pure red in BT.709, full range
    red[SIZE[1] :].reshape(-1)[: SIZE[0] * SIZE[1] // 4] = 99
    red[SIZE[1] :].reshape(-1)[SIZE[0] * SIZE[1] // 4 :] = 255
    (packet,) = encoder.encode(av.VideoFrame.from_ndarray(red, format="yuv420p"))
    picture = StreamPicture(deque([Frame(0, bytes(packet), True, "h264")]))
    picture.advance(0)
    y, u, v = picture.scaled(*SIZE)
    # The same red in the film's BT.601, limited range.
    assert (y.mean(), u.mean(), v.mean()) == pytest.approx((81, 90, 240), abs=2)
