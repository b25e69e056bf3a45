"""VP9: descriptors of all forms, and pictures in several spatial layers."""

from collections import deque

import pytest

from callrec.recorder.compose.depacketise import Reorder
from callrec.recorder.compose.picture import StreamPicture
from callrec.recorder.compose.track_log import Frame
from callrec.recorder.compose.vp9 import Vp9, Vp9Payload, is_vp9_keyframe, parse_vp9
from callrec.recorder.folder.rtp import RtpPacket
from tests.recorder.clips import encoded_clip
from tests.recorder.packetise import vp9_payloads

SIZE, COLOUR = (320, 240), (90, 200)


def vp9_key(size_px: tuple[int, int]) -> bytes:
    """Return one keyframe of this size."""
    return encoded_clip(size_px, COLOUR, "vp9")[0]


@pytest.mark.parametrize(
    ("descriptor", "begins", "ends", "layer", "picture_id", "next_id"),
    [
        (b"\x0c", True, True, 0, None, None),
        (b"\x88\x7f", True, False, 0, 127, 0),
        (b"\x84\xff\xff", False, True, 0, 0x7FFF, 0),
        (b"\xac\x05\x02\x09", True, True, 1, 5, 6),  # layer indices and TL0PICIDX
        (b"\xbc\x05\x04", True, True, 2, 5, 6),  # flexible mode has none
        (b"\xdc\x05\x03\x05\x06", True, True, 0, 5, 6),  # three references
        (b"\x8e\x05\x38" + bytes(8) + b"\x02\x04\x01\x08\x01\x01", True, True, 0, 5, 6),  # structure
        (b"\x8e\x05\x00", True, True, 0, 5, 6),
    ],
)
def test_vp9_descriptors(
    descriptor: bytes, begins: bool, ends: bool, layer: int, picture_id: int | None, next_id: int | None
) -> None:
    wanted = Vp9Payload(begins, ends, layer, picture_id, next_id, b"rest")
    assert parse_vp9(descriptor + b"rest") == wanted
    assert all(parse_vp9(descriptor[:length]) is None for length in range(1, len(descriptor) + 1))


@pytest.mark.parametrize(
    ("frame", "keyframe"),
    [
        (b"\x82", True),
        (b"\x86", False),
        (b"\x8a", False),
        (b"\xb0", True),
        (b"\xb4", False),
        (b"\x02", False),
    ],
)
def test_vp9_keyframes(frame: bytes, keyframe: bool) -> None:
    assert is_vp9_keyframe(frame + b"\0") is keyframe


def test_of_several_layers_the_highest_whole_one_is_shown() -> None:
    layers = [vp9_key((80, 60)), vp9_key((160, 120)), vp9_key(SIZE)]
    payloads = vp9_payloads(layers, 7, keyframe=True)
    ends = [i for i, payload in enumerate(payloads) if payload[0] & 0x04]
    for count, size in (
        (len(payloads), SIZE),
        (len(payloads) - 1, (160, 120)),
        (ends[1] + 1, (160, 120)),
        (ends[1], (80, 60)),
        (ends[0] + 1, (80, 60)),
    ):
        coded = Vp9().assemble(payloads[:count], cut=count < len(payloads))
        assert coded is not None and coded.keyframe
        picture = StreamPicture(deque([Frame(0, coded.data, True, "vp9")]))
        picture.advance(0)
        assert picture.size == size
    assert Vp9().assemble(payloads[: ends[0]], cut=True) is None
    assert Vp9().assemble(payloads[1:], cut=False) is None
    assert Vp9().assemble(payloads[:1] + payloads[2:], cut=False) is None


def layered(number: int, *, keyframe: bool, lost: tuple[int, ...] = ()) -> list[RtpPacket]:
    """Return the packets of a picture of two layers of one packet each; the frames are only told apart."""
    frames = [bytes([0x82 if keyframe else 0x86, layer, number]) for layer in (0, 1)]
    payloads = vp9_payloads(frames, number, keyframe=keyframe)
    packets = [
        RtpPacket(98, layer == 1, 2 * number + layer, 3600 * number, 1, payload, b"")
        for layer, payload in enumerate(payloads)
    ]
    return [packet for layer, packet in enumerate(packets) if layer not in lost]


def test_after_a_loss_above_the_lowest_layer_it_goes_on_alone_until_the_keyframe() -> None:
    reorder = Reorder({98: "vp9"})
    for packet in (
        *layered(1, keyframe=True),
        *layered(2, keyframe=False, lost=(1,)),
        *layered(3, keyframe=False),
        *layered(4, keyframe=True),
        *layered(5, keyframe=False),
        *layered(6, keyframe=False, lost=(0,)),
        *layered(7, keyframe=False),
        *layered(8, keyframe=True, lost=(1,)),
        *layered(9, keyframe=False),
        *layered(11, keyframe=False),
    ):
        reorder.add(packet)
    units = reorder.release(float("inf"))
    both = [len(unit.data) > 3 for unit in units]
    assert [unit.timestamp % (1 << 32) // 3600 for unit in units] == [1, 2, 3, 4, 5, 8, 9]
    assert both == [True, False, False, True, True, False, False]
