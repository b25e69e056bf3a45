"""VP9 in RTP (RFC 9628). Pictures may have several spatial layers, of which the film shows the highest."""

from typing import NamedTuple

from callrec.recorder.compose.payload import Assembler, Coded

_MAX_FRAMES = 8  # in a superframe (VP9 bitstream specification, annex B)


class Vp9Payload(NamedTuple):
    """A piece of one layer's frame."""

    begins_frame: bool
    ends_frame: bool
    layer: int
    picture_id: int | None
    next_picture_id: int | None
    data: bytes


class Vp9(Assembler):
    """Of a picture that is not whole, the layers below the loss are used: alone until the next keyframe."""

    def __init__(self) -> None:
        self._expected_id: int | None = None
        self._highest: int | None = None
        """Layers above this one lack what they refer to."""

    def assemble(self, payloads: list[bytes], *, cut: bool) -> Coded | None:
        """See Assembler."""
        pieces = [parse_vp9(payload) for payload in payloads]
        frames, torn = _whole_frames(pieces)
        if not frames or (torn and not cut):
            self._expected_id = None
            return None
        keyframe = is_vp9_keyframe(frames[0])
        if keyframe:
            self._highest = None
        if cut:
            self._highest = min(len(frames) - 1, _MAX_FRAMES if self._highest is None else self._highest)
        self._expected_id = pieces[0].next_picture_id if pieces[0] else None
        shown = frames if self._highest is None else frames[: self._highest + 1]
        return Coded(_superframe(shown), keyframe)

    def continues(self, payload: bytes) -> bool:
        """See Assembler: pictures are numbered."""
        piece = parse_vp9(payload)
        return piece is not None and piece.picture_id is not None and piece.picture_id == self._expected_id


def _whole_frames(pieces: list[Vp9Payload | None]) -> tuple[list[bytes], bool]:
    """Return the frames of all layers from the lowest on until one is not whole, and whether one is not."""
    frames: list[bytes] = []
    open_frame: list[bytes] = []
    layer = -1
    for piece in pieces:
        if piece is None or piece.begins_frame == bool(open_frame):
            return frames, True
        if piece.begins_frame and (piece.layer <= layer or (layer < 0 < piece.layer)):
            return frames, True
        if not piece.begins_frame and piece.layer != layer:
            return frames, True
        layer = piece.layer
        open_frame.append(piece.data)
        if piece.ends_frame:
            frames.append(b"".join(open_frame))
            open_frame.clear()
    return frames, bool(open_frame) or len(frames) > _MAX_FRAMES


def _superframe(frames: list[bytes]) -> bytes:
    """Put the frames of the layers together so that a decoder finds each of them."""
    if len(frames) == 1:
        return frames[0]
    size_bytes = (max(map(len, frames)).bit_length() + 7) // 8
    marker = bytes([0xC0 | size_bytes - 1 << 3 | len(frames) - 1])
    sizes = b"".join(len(frame).to_bytes(size_bytes, "little") for frame in frames)
    return b"".join(frames) + marker + sizes + marker


def is_vp9_keyframe(frame: bytes) -> bool:
    """Tell by the uncompressed header (VP9 bitstream specification, 6.2)."""
    bits = int.from_bytes(frame[:2].ljust(2, b"\0"), "big") << 2
    if frame[0] >> 6 != 2:
        return False
    if frame[0] & 0x30 == 0x30:  # profile 3 has one bit more
        bits <<= 1
    return not bits >> 13 & 1 and not bits >> 12 & 1  # show_existing_frame, frame_type


def parse_vp9(payload: bytes) -> Vp9Payload | None:
    """Take off the payload descriptor (RFC 9628 §4.2). None when it is torn or nothing is behind it."""
    try:
        return _parse(payload)
    except IndexError:
        return None


def _parse(payload: bytes) -> Vp9Payload | None:
    flags, position = payload[0], 1
    picture_id = next_id = None
    if flags & 0x80:  # I: picture id of 7 or 15 bits
        picture_id, modulus, position = payload[1], 1 << 7, 2
        if picture_id & 0x80:
            picture_id, modulus, position = (picture_id & 0x7F) << 8 | payload[2], 1 << 15, 3
        next_id = (picture_id + 1) % modulus
    layer = 0
    flexible = flags & 0x10
    if flags & 0x20:  # L: layer indices
        layer = payload[position] >> 1 & 0x07
        position += 1 if flexible else 2
    if flexible and flags & 0x40:  # P: up to three references
        while payload[position] & 0x01:
            position += 1
        position += 1
    if flags & 0x02:  # V: the structure of the layers
        position = _skip_structure(payload, position)
    if position >= len(payload):
        return None
    return Vp9Payload(bool(flags & 0x08), bool(flags & 0x04), layer, picture_id, next_id, payload[position:])


def _skip_structure(payload: bytes, position: int) -> int:
    head = payload[position]
    position += 1
    if head & 0x10:  # Y: width and height of each layer
        position += 4 * ((head >> 5) + 1)
    if head & 0x08:  # G: a group of pictures and their references
        count = payload[position]
        position += 1
        for _ in range(count):
            position += 1 + (payload[position] >> 2 & 0x03)
    return position
