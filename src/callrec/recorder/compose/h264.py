"""H.264 in RTP (RFC 6184, packetisation modes 0 and 1) to access units in Annex B form (ITU-T H.264)."""

from collections.abc import Iterator

from callrec.recorder.compose.payload import Assembler, Coded

_START_CODE = b"\0\0\0\1"
_SLICES, _IDR, _SPS, _PPS = range(1, 6), 5, 7, 8
_SINGLE, _STAP_A, _FU_A = range(1, 24), 24, 28
_TYPE, _IMPORTANCE = 0x1F, 0xE0
_FU_START, _FU_END = 0x80, 0x40
_MAX_SETS = 16  # picture parameter sets that are kept


class H264(Assembler):
    """A keyframe is an IDR picture with its parameter sets, in the same access unit or sent before."""

    def __init__(self) -> None:
        self._sets: list[bytes] = []
        """The newest sequence parameter set, and what picture parameter sets came after it."""

    def assemble(self, payloads: list[bytes], *, cut: bool) -> Coded | None:
        """See Assembler."""
        try:
            units = [] if cut else list(_units(payloads))
        except ValueError:
            return None
        kinds = [unit[0] & _TYPE for unit in units]
        if not units:
            return None
        for unit, kind in zip(units, kinds, strict=True):
            if kind == _SPS and unit not in self._sets:
                self._sets = [unit]
            elif kind == _PPS and self._sets and unit not in self._sets:
                self._sets = [self._sets[0], *self._sets[1:][1 - _MAX_SETS :], unit]
        if not any(kind in _SLICES for kind in kinds):
            return Coded(b"", keyframe=False)
        keyframe = _IDR in kinds
        if keyframe and not {_SPS, _PPS} <= {*kinds}:
            if len(self._sets) < 2:
                return None
            first = kinds.index(_IDR)
            units[first:first] = self._sets
        return Coded(b"".join(_START_CODE + unit for unit in units), keyframe)


def _units(payloads: list[bytes]) -> Iterator[bytes]:
    """Yield the NAL units. Raises ValueError where one is torn, or sent in a way that was not agreed on."""
    fragments: list[bytes] = []
    for payload in payloads:
        kind = payload[0] & _TYPE
        if kind == _FU_A:
            flags = payload[1] if len(payload) > 2 else 0
            if bool(flags & _FU_START) == bool(fragments):
                raise ValueError("a fragment is missing")
            if not fragments:
                fragments.append(bytes([payload[0] & _IMPORTANCE | flags & _TYPE]))
            fragments.append(payload[2:])
            if flags & _FU_END:
                yield b"".join(fragments)
                fragments.clear()
        elif fragments:
            raise ValueError("the last fragment is missing")
        elif kind == _STAP_A:
            yield from _aggregated(payload)
        elif kind in _SINGLE:
            yield payload
        else:
            raise ValueError(f"payload structure {kind}")
    if fragments:
        raise ValueError("the last fragment is missing")


def _aggregated(payload: bytes) -> Iterator[bytes]:
    position = 1
    while position < len(payload):
        start = position + 2
        position = start + int.from_bytes(payload[start - 2 : start], "big")
        if position == start or position > len(payload):
            raise ValueError("an aggregated unit is torn")
        yield payload[start:position]
