"""The connections by which somebody sends: aiortc with clips, or whatever else makes offers."""

import time
from collections.abc import Sequence
from typing import Any, Protocol

from aiortc import RTCIceCandidate, RTCPeerConnection, RTCRtpTransceiver, RTCSessionDescription
from aiortc.sdp import candidate_from_sdp

from tests.recorder.publisher import AUDIO_PACKETS_PER_S, PICTURES_PER_S, ClipTrack, audio_clip, video_clip
from tests.recorder.wire import Wire

TOO_LATE_S = 0.1


class Connection(Protocol):
    """One peer connection, towards the recorder or the media server."""

    async def offer(self) -> str:
        """Return the SDP of a new offer."""

    async def accept(self, sdp: str) -> None:
        """Take the answer."""

    async def candidate(self, candidate: dict[str, Any]) -> None:
        """Take a candidate of the other side, which may come before the answer."""

    async def close(self) -> None:
        """Close it."""


class Sending(Protocol):
    """Makes connections; *kinds*: ``audio``, ``video`` or both."""

    async def connection(self, kinds: Sequence[str], room_type: str) -> Connection:
        """Return a new one."""


class LiveTrack(ClipTrack):
    """Leaves out what it is too late for, as cameras do: a burst would overflow a busy machine's sockets."""

    async def recv(self) -> Any:
        if self._begun_s is not None:
            late_s = time.monotonic() - self._begun_s - self.sent * self._interval_s
            if late_s > TOO_LATE_S:
                self.sent += int(late_s / self._interval_s)
        return await super().recv()


class ClipConnection:
    """Sends clips that were encoded beforehand."""

    def __init__(self, clips: dict[str, list[bytes]], kinds: Sequence[str], wire: Wire) -> None:
        self.tracks: dict[str, LiveTrack] = {}
        self._clips = clips
        self._peer = RTCPeerConnection()
        self._early: list[RTCIceCandidate] = []
        for kind in kinds:
            self.add(kind)
        wire.tap(self._peer)

    def add(self, kind: str) -> None:
        """Send one more; an offer has to follow."""
        rate = AUDIO_PACKETS_PER_S if kind == "audio" else PICTURES_PER_S
        track = self.tracks[kind] = LiveTrack(kind, self._clips[kind], 1 / rate)
        self._peer.addTrack(track)
        for transceiver in self._peer.getTransceivers():
            if transceiver.direction == "sendrecv":
                transceiver.direction = "sendonly"  # a media server takes nothing else

    def remove(self, kind: str) -> None:
        """Send one less; an offer has to follow."""
        transceiver = self._transceiver(kind)
        transceiver.sender.replaceTrack(None)
        transceiver.direction = "inactive"

    def mute(self, kind: str) -> None:
        """Send nothing for the time being."""
        self._transceiver(kind).sender.replaceTrack(None)

    def unmute(self, kind: str) -> None:
        """Send again, under the same numbers."""
        self._transceiver(kind).sender.replaceTrack(self.tracks[kind])

    def _transceiver(self, kind: str) -> RTCRtpTransceiver:
        return next(t for t in self._peer.getTransceivers() if t.kind == kind)

    async def offer(self) -> str:
        await self._peer.setLocalDescription(await self._peer.createOffer())
        sdp: str = self._peer.localDescription.sdp
        return sdp

    async def accept(self, sdp: str) -> None:
        await self._peer.setRemoteDescription(RTCSessionDescription(sdp, "answer"))
        for early in self._early:
            await self._peer.addIceCandidate(early)
        self._early.clear()

    async def candidate(self, candidate: dict[str, Any]) -> None:
        text = candidate["candidate"].removeprefix("candidate:")
        if not text:
            return
        parsed = candidate_from_sdp(text)
        parsed.sdpMid, parsed.sdpMLineIndex = candidate["sdpMid"], candidate["sdpMLineIndex"]
        if self._peer.remoteDescription is None:
            self._early.append(parsed)
        else:
            await self._peer.addIceCandidate(parsed)

    async def close(self) -> None:
        await self._peer.close()


class Clips:
    """Makes connections that send a picture of *hue* and a tone. ``wire`` keeps what they sent."""

    def __init__(self, hue: int, tone_hz: int) -> None:
        self.wire = Wire()
        self._clips = {"video": video_clip(hue), "audio": audio_clip(tone_hz)}

    async def connection(self, kinds: Sequence[str], room_type: str) -> ClipConnection:
        return ClipConnection(self._clips, kinds, self.wire)
