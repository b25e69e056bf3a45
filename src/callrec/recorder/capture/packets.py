"""Packets on their way from the transport: their heads, and who takes them."""

import struct
from typing import Protocol

from aiortc.rtp import RtpPacket

_FIXED = struct.Struct("!BBHII")  # RFC 3550 section 5.1


class PacketSink(Protocol):
    """Takes decrypted packets. Must not raise."""

    def rtp(self, packet: bytes) -> None:
        """One RTP packet, whole."""

    def rtcp(self, compound: bytes) -> None:
        """One RTCP compound packet, whole."""


class PacketHead(RtpPacket):
    """What routing and receiver reports need of an RTP packet, at a fraction of the cost of parsing it.

    One is used again and again: who wants to keep something copies it.
    """

    def read(self, packet: bytes) -> bool:
        """Turn to *packet*; False when it is no RTP of version 2."""
        if len(packet) < _FIXED.size or packet[0] >> 6 != 2:
            return False
        _, second, self.sequence_number, self.timestamp, self.ssrc = _FIXED.unpack_from(packet)
        self.payload_type = second & 0x7F
        return True
