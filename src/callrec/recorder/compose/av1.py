"""AV1 in RTP (AOMedia, "RTP Payload Format For AV1") to temporal units in low-overhead form (AV1, 5.2)."""

from collections.abc import Iterator
from typing import NamedTuple

from callrec.recorder.compose.payload import Assembler, Coded

_SEQUENCE_HEADER, _TEMPORAL_DELIMITER, _TILE_LIST = 1, 2, 8
_FRAME_HEADERS = (3, 6)  # a header alone, and one with its tiles
_DELIMITER_UNIT = b"\x12\x00"
_CONTINUES, _IS_CONTINUED = 0x80, 0x40
_HAS_EXTENSION, _HAS_SIZE = 0x04, 0x02
_MAX_SIZE_BYTES = 8


class _Obu(NamedTuple):
    kind: int
    header: bytes
    """One or two bytes, that tell of no size."""
    payload: bytes

    @property
    def sized(self) -> bytes:
        first = bytes([self.header[0] | _HAS_SIZE])
        return first + self.header[1:] + _leb128(len(self.payload)) + self.payload


class Av1(Assembler):
    """A keyframe comes with its sequence header."""

    def assemble(self, payloads: list[bytes], *, cut: bool) -> Coded | None:
        """See Assembler."""
        try:
            units = [] if cut else [_parse_unit(element) for element in _elements(payloads)]
        except (ValueError, IndexError):
            return None
        # These two are not to be sent, and to be passed over where they are.
        units = [unit for unit in units if unit.kind not in (_TEMPORAL_DELIMITER, _TILE_LIST)]
        if not units:
            return None
        return Coded(_DELIMITER_UNIT + b"".join(unit.sized for unit in units), _is_keyframe(units))


def _is_keyframe(units: list[_Obu]) -> bool:
    sequence = next((unit for unit in units if unit.kind == _SEQUENCE_HEADER and unit.payload), None)
    frame = next((unit for unit in units if unit.kind in _FRAME_HEADERS and unit.payload), None)
    if sequence is None or frame is None:
        return False
    still = sequence.payload[0] & 0x08  # reduced_still_picture_header: there are only keyframes
    return bool(still) or not frame.payload[0] & 0xE0  # show_existing_frame, frame_type


def _elements(payloads: list[bytes]) -> Iterator[bytes]:
    """Yield the OBUs as sent. Raises ValueError, IndexError where one is torn."""
    pending: list[bytes] = []
    for payload in payloads:
        head = payload[0]
        if bool(head & _CONTINUES) != bool(pending):
            raise ValueError("a fragment is missing")
        pieces = list(_split(payload, head >> 4 & 0x03))
        for piece in pieces[:-1]:
            yield b"".join([*pending, piece])
            pending.clear()
        pending.append(pieces[-1])
        if not head & _IS_CONTINUED:
            yield b"".join(pending)
            pending.clear()
    if pending:
        raise ValueError("the last fragment is missing")


def _split(payload: bytes, count: int) -> Iterator[bytes]:
    """Yield the elements of one packet; of *count* the last has no length, 0 says that all have one."""
    position, number = 1, 0
    while position < len(payload):
        number += 1
        if number == count:
            yield payload[position:]
            return
        size, position = _read_leb128(payload, position)
        if not size or position + size > len(payload):
            raise ValueError("an element is torn")
        yield payload[position : position + size]
        position += size
    if count or not number:
        raise ValueError("elements are missing")


def _parse_unit(element: bytes) -> _Obu:
    first = element[0]
    start = 2 if first & _HAS_EXTENSION else 1
    header = bytes([first & ~_HAS_SIZE]) + element[1:start]
    end = len(element)
    if first & _HAS_SIZE:
        size, start = _read_leb128(element, start)
        end = start + size
    if len(element) < max(start, end):
        raise ValueError("a unit is torn")
    return _Obu(first >> 3 & 0x0F, header, element[start:end])


def _read_leb128(data: bytes, position: int) -> tuple[int, int]:
    """Return the number at *position* and where it ends (AV1, 4.10.5)."""
    value = 0
    for index in range(_MAX_SIZE_BYTES):
        byte = data[position + index]
        value |= (byte & 0x7F) << 7 * index
        if not byte & 0x80:
            return value, position + index + 1
    raise ValueError("a size is too long")


def _leb128(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
