"""RTP and RTCP packets as they lie in the log (RFC 3550), and counters that wrap."""

import struct
from collections.abc import Iterator
from typing import NamedTuple

_RTP_FIXED = struct.Struct("!BBHII")
_RTP_FIXED_BYTES, _unpack_fixed, _new = _RTP_FIXED.size, _RTP_FIXED.unpack_from, tuple.__new__
_RTCP_HEADER = struct.Struct("!BBH")
_SENDER_REPORT = struct.Struct("!IQI")  # SSRC, NTP timestamp, RTP timestamp
_SENDER_REPORT_TYPE = 200
_ONE_BYTE_FORM, _TWO_BYTE_FORM = 0xBEDE, 0x1000  # of the latter the lowest four bits are free


class RtpPacket(NamedTuple):
    """One packet; ``payload`` is without header extensions and padding.

    ``extension`` is the whole header extension with its profile (RFC 3550 §5.3.1), empty if there is none.
    """

    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes
    extension: bytes = b""


class SenderReport(NamedTuple):
    """At ``ntp_ms`` of the sender's own clock its stream ``ssrc`` stood at ``timestamp``."""

    ssrc: int
    ntp_ms: float
    timestamp: int


def parse_rtp(data: bytes) -> RtpPacket | None:
    """Return the packet, or None when *data* is no RTP of version 2 (RFC 3550 §5.1)."""
    if len(data) < _RTP_FIXED_BYTES:
        return None
    first, second, sequence, timestamp, ssrc = _unpack_fixed(data)
    if first >> 6 != 2:
        return None
    extended = start = _RTP_FIXED_BYTES + 4 * (first & 0x0F)
    end = len(data)
    if first & 0x10:
        if start + 4 > end:
            return None
        start += 4 + 4 * int.from_bytes(data[start + 2 : start + 4], "big")
    if first & 0x20:
        end -= data[-1]
    if start > end:
        return None
    # Past the generated constructor: this is done for every packet of a recording.
    return _new(
        RtpPacket,
        (second & 0x7F, second > 0x7F, sequence, timestamp, ssrc, data[start:end], data[extended:start]),
    )


def extension_element(extension: bytes, wanted_id: int) -> bytes | None:
    """Return the data of one element of a header extension (RFC 8285 §4.2, §4.3), None if it is not there."""
    profile = int.from_bytes(extension[:2], "big")
    one_byte = profile == _ONE_BYTE_FORM
    if not one_byte and profile & 0xFFF0 != _TWO_BYTE_FORM:
        return None
    head, position = 1 if one_byte else 2, 4
    while position + head <= len(extension):
        first = extension[position]
        if not first:  # padding
            position += 1
            continue
        if one_byte:
            element_id, length = first >> 4, (first & 0x0F) + 1
            if element_id in (0, 15):  # reserved: the rest means something else
                return None
        else:
            element_id, length = first, extension[position + 1]
        position += head
        if position + length > len(extension):
            return None
        if element_id == wanted_id:
            return extension[position : position + length]
        position += length
    return None


def sender_reports(compound: bytes) -> Iterator[SenderReport]:
    """Yield the sender reports of an RTCP compound (RFC 3550 §6.4.1); what is malformed ends it."""
    position = 0
    while position + _RTCP_HEADER.size <= len(compound):
        first, kind, words = _RTCP_HEADER.unpack_from(compound, position)
        end = position + 4 * (words + 1)
        if first >> 6 != 2 or end > len(compound):
            return
        if kind == _SENDER_REPORT_TYPE and end - position >= _RTCP_HEADER.size + _SENDER_REPORT.size:
            ssrc, ntp, timestamp = _SENDER_REPORT.unpack_from(compound, position + _RTCP_HEADER.size)
            if ntp:  # a sender without any clock says 0
                yield SenderReport(
                    ssrc, (ntp >> 32) * 1000 + (ntp & 0xFFFFFFFF) * 1000 / (1 << 32), timestamp
                )
        position = end


class Unwrapper:
    """Makes a counter of *bits* bits that wraps into one that does not."""

    def __init__(self, bits: int) -> None:
        self._modulus = 1 << bits
        self._half = self._modulus // 2
        self._highest: int | None = None

    def __call__(self, value: int) -> int:
        """Return *value* as the nearest to the highest one seen, and remember it if it is higher."""
        highest = self._highest
        if highest is None:
            self._highest = value + self._modulus  # room below for what comes late
            return self._highest
        ahead = (value - highest) % self._modulus
        if ahead < self._half:
            self._highest = highest + ahead
            return highest + ahead
        return highest + ahead - self._modulus

    def near(self, value: int) -> int:
        """Return *value* as the nearest to the highest one seen; remember nothing."""
        highest = self._highest if self._highest is not None else value + self._modulus
        ahead = (value - highest) % self._modulus
        return highest + (ahead if ahead < self._modulus // 2 else ahead - self._modulus)
