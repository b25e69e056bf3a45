"""RTP and RTCP packets as composition needs them (RFC 3550), and counters that wrap."""

import struct
from collections.abc import Iterator
from typing import NamedTuple

_RTP_FIXED = struct.Struct("!BBHII")
_RTCP_HEADER = struct.Struct("!BBH")
_SENDER_REPORT = struct.Struct("!IQI")  # SSRC, NTP timestamp, RTP timestamp
_SENDER_REPORT_TYPE = 200


class RtpPacket(NamedTuple):
    """One packet; ``payload`` is without header extensions and padding."""

    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes


class SenderReport(NamedTuple):
    """At ``ntp_ms`` of the sender's own clock its stream ``ssrc`` stood at ``timestamp``."""

    ssrc: int
    ntp_ms: float
    timestamp: int


def parse_rtp(data: bytes) -> RtpPacket | None:
    """Return the packet, or None when *data* is no RTP of version 2 (RFC 3550 §5.1)."""
    if len(data) < _RTP_FIXED.size:
        return None
    first, second, sequence, timestamp, ssrc = _RTP_FIXED.unpack_from(data)
    if first >> 6 != 2:
        return None
    start, end = _RTP_FIXED.size + 4 * (first & 0x0F), len(data)
    if first & 0x10:
        if start + 4 > end:
            return None
        start += 4 + 4 * int.from_bytes(data[start + 2 : start + 4], "big")
    if first & 0x20:
        end -= data[-1]
    if start > end:
        return None
    return RtpPacket(second & 0x7F, bool(second & 0x80), sequence, timestamp, ssrc, data[start:end])


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
        self._highest: int | None = None

    def __call__(self, value: int) -> int:
        """Return *value* as the nearest to the highest one seen, and remember it if it is higher."""
        if self._highest is None:
            self._highest = value + self._modulus  # room below for what comes late
            return self._highest
        full = self.near(value)
        self._highest = max(self._highest, full)
        return full

    def near(self, value: int) -> int:
        """Return *value* as the nearest to the highest one seen; remember nothing."""
        highest = self._highest if self._highest is not None else value + self._modulus
        ahead = (value - highest) % self._modulus
        return highest + (ahead if ahead < self._modulus // 2 else ahead - self._modulus)
