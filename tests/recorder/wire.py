"""What lies between a sender and the network: keeps every packet that was sent, loses and delays some."""

import asyncio
import random
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from aiortc import RTCPeerConnection
from aiortc.rtp import RtpPacket, is_rtcp

from callrec.recorder.folder.track import Track

Send = Callable[[bytes], Coroutine[Any, Any, None]]


@dataclass
class Wire:
    """Media only: reports and requests pass. The same *seed* loses the same packets of the same call."""

    loss: float = 0.0
    """Share of the packets that are lost, retransmissions too."""
    jitter_s: float = 0.0
    """Each packet is late by a random time up to this."""
    seed: int = 1
    sent: list[bytes] = field(default_factory=list)
    """RTP packets as the sender made them, in order, those that were lost included."""
    sent_at_ns: list[int] = field(default_factory=list)
    """When each of them was handed on, on the monotonic clock."""
    lost: int = 0
    _random: random.Random = field(init=False)
    _late: set[asyncio.Task[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def tap(self, peer: RTCPeerConnection) -> None:
        """Come between the connection's senders and its transport; they share one (BUNDLE)."""
        for transport in {sender.transport for sender in peer.getSenders()}:
            transport._send_rtp = self._through(transport._send_rtp)  # type: ignore[method-assign,assignment]

    def _through(self, send: Send) -> Send:
        async def sending(data: bytes) -> None:
            if is_rtcp(data):
                await send(data)
                return
            self.sent.append(data)
            self.sent_at_ns.append(time.monotonic_ns())
            if self._random.random() < self.loss:
                self.lost += 1
            elif self.jitter_s:
                task = asyncio.create_task(self._later(send, data, self._random.random() * self.jitter_s))
                self._late.add(task)
                task.add_done_callback(self._late.discard)
            else:
                await send(data)

        return sending

    @staticmethod
    async def _later(send: Send, data: bytes, delay_s: float) -> None:
        await asyncio.sleep(delay_s)
        try:
            await send(data)
        except ConnectionError:
            return  # the connection was closed meanwhile


def original(track: Track, data: bytes) -> tuple[tuple[int, int], bytes]:
    """Return which packet *data* is, or repeats (RFC 4588), with its payload."""
    packet = RtpPacket.parse(data)
    if track.payload_types[packet.payload_type].apt is None:
        return (packet.ssrc, packet.sequence_number), packet.payload
    number = int.from_bytes(packet.payload[:2], "big")
    return (track.rtx_ssrcs[packet.ssrc], number), packet.payload[2:]
