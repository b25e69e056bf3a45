"""One peer connection that receives what one session publishes (its camera and microphone, or its screen)."""

import asyncio
import json
from collections.abc import Callable
from typing import Any, Literal

import msgspec
import structlog
from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection, RTCSessionDescription
from aiortc.sdp import SessionDescription, candidate_from_sdp

from callrec.recorder.call.offer_repair import rejecting_dead_sections, without_dead_sections
from callrec.recorder.call.renegotiation import is_renegotiation
from callrec.recorder.capture import seams
from callrec.recorder.capture.log import CaptureLog, TrackSink
from callrec.recorder.capture.negotiated import NegotiatedMedia
from callrec.recorder.capture.track_log import TrackLog
from callrec.recorder.folder.track import Source, Track

RoomType = Literal["video", "screen"]
"""The signaling protocol's word for which of a session's streams is meant."""

SOURCES: dict[tuple[str, str], Source] = {
    ("video", "audio"): "microphone",
    ("video", "video"): "camera",
    ("screen", "audio"): "screen_audio",
    ("screen", "video"): "screen",
}
KEYFRAME_PERIOD_MS = 11_500
"""So with every twelfth tick, about once a chunk: composition finds a place to begin."""
RECEIVABLE_BPS = 10_000_000
MAX_SECTIONS = 6
"""Microphone, camera, data channel, and room for what clients keep in reserve."""
CLOSE_TIMEOUT_S = 5.0
REPLACED_MS = 1000
"""So long a track that a renegotiation has ended takes what was on its way."""

log = structlog.get_logger()


class Peer:
    """Receives from one session; media lands in the capture log."""

    def __init__(
        self,
        capture_log: CaptureLog,
        ice_servers: list[RTCIceServer],
        *,
        session_id: str,
        room_type: RoomType,
        sid: str,
        on_status: Callable[[str, dict[str, Any]], None],
        on_loss: Callable[[], None],
        by_media_server: bool = False,
    ) -> None:
        """*on_loss* is called when ``repair`` is needed."""
        self.session_id = session_id
        self.sid = sid
        self._room_type = room_type
        self._log = capture_log
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=ice_servers))
        self._tracks: list[TrackLog] = []
        self._replaced: dict[TrackLog, int] = {}
        """What a renegotiation has ended, and when: packets that are on their way still belong there."""
        self._remote_sdp = ""
        self._turn = asyncio.Lock()
        """Negotiations of one connection never interleave."""
        self._candidates: list[dict[str, Any]] = []
        self._answered = False
        self._participant = ""
        self._by_media_server = by_media_server
        self._on_loss = on_loss
        self._sink: TrackSink | None = None
        self._video = True
        self._has_channel = False
        self._read_channel = lambda text: _read_status(text, lambda message: on_status(session_id, message))

        @self._connection.on("datachannel")
        def _on_channel(channel: Any) -> None:
            channel.on("message", self._read_channel)

    @property
    def track_numbers(self) -> list[int]:
        """Numbers of the tracks that this connection feeds now."""
        return [t.track.number for t in self._tracks]

    @property
    def waits_for_answer(self) -> bool:
        """We have made an offer that is not answered yet."""
        return self._connection.signalingState == "have-local-offer"

    @property
    def last_packet_s(self) -> float | None:
        """When the last packet came, in seconds of the recording's time line."""
        last_ms = self._sink.last_ms if self._sink else None
        return None if last_ms is None else last_ms / 1000

    @property
    def dead(self) -> bool:
        """The connection was there and is gone for good."""
        return self._connection.connectionState in ("failed", "closed")

    def renegotiates(self, sid: str, offer_sdp: str) -> bool:
        """Tell whether the offer is one to ``answer`` on this connection; any other begins a new one."""
        return sid == self.sid and not self.dead and is_renegotiation(self._remote_sdp, offer_sdp)

    def belongs_to(self, participant: str) -> None:
        """Note in the timeline that the tracks are *participant*'s, where track.json says otherwise."""
        if self._participant not in ("", participant):
            for number in self.track_numbers:
                self._log.event("track", track=number, participant=participant)
            self._participant = participant

    async def answer(self, offer_sdp: str, participant: str, *, video: bool) -> str:
        """Apply the offer, create its tracks durably, and return the answer's SDP.

        Raises:
            ValueError: the SDP does not parse or cannot be answered, or the peer was closed meanwhile.
            OSError: the tracks could not be written.
        """
        self._participant, self._video, self._remote_sdp = participant, video, offer_sdp
        async with self._turn:
            return await self._answer(offer_sdp)

    async def _answer(self, offer_sdp: str) -> str:
        try:
            tracks = await self._apply_offer(offer_sdp)
        except Exception as error:  # aiortc raises many kinds for what a stranger's SDP may hold
            raise ValueError(f"offer: {type(error).__name__}: {error}") from error
        sink = await self._receive(tracks)
        try:
            seams.attach(self._connection, sink, self._on_loss)
            await self._connection.setLocalDescription(await self._connection.createAnswer())
            if self._by_media_server and self._connection.sctp is not None and not self._has_channel:
                # Only who opens a channel himself is sent what the publisher says on his.
                self._open_status_channel()
        except Exception as error:  # as above; a newer offer may also have closed the connection
            raise ValueError(f"answer: {type(error).__name__}: {error}") from error
        answer: str = self._connection.localDescription.sdp
        return rejecting_dead_sections(answer, offer_sdp, seams.codec_names())

    def _open_status_channel(self) -> None:
        self._has_channel = True
        self._connection.createDataChannel("status").on("message", self._read_channel)

    async def add_waiting_candidates(self) -> None:
        """Take the candidates that overtook the offer; call it once the answer is on its way.

        All at once and late: a browser without camera permission hides its addresses behind mDNS names, and
        each that cannot be resolved costs a second.
        """
        waiting, self._candidates = self._candidates, []
        self._answered = True
        await asyncio.gather(*map(self._apply_candidate, waiting))

    async def offer(self, participant: str, *, video: bool) -> str:
        """Return the SDP by which to ask for the session's media, for clients that wait to be offered to.

        Raises:
            ValueError: the peer was closed meanwhile.
        """
        self._participant, self._video = participant, video
        try:
            for kind in ("audio", "video") if video else ("audio",):
                self._connection.addTransceiver(kind, direction="recvonly")
            self._open_status_channel()
            await self._connection.setLocalDescription(await self._connection.createOffer())
        except Exception as error:  # aiortc's, of a connection that was closed under it
            raise ValueError(f"own offer: {type(error).__name__}: {error}") from error
        return self._connection.localDescription.sdp

    async def accept(self, answer_sdp: str) -> None:
        """Apply the answer to our offer; its tracks are durable before media can arrive.

        Raises:
            ValueError: the SDP does not parse or fit, or the peer was closed meanwhile.
            OSError: the tracks could not be written.
        """
        async with self._turn:
            await self._accept(answer_sdp)
        await self.add_waiting_candidates()

    async def _accept(self, answer_sdp: str) -> None:
        try:
            _check_size(answer_sdp)
            tracks = self._tracks_of(answer_sdp, seams.answered(self._connection, answer_sdp))
        except Exception as error:  # as in answer()
            raise ValueError(f"answer: {type(error).__name__}: {error}") from error
        sink = await self._receive(tracks)
        try:
            seams.attach(self._connection, sink, self._on_loss)
            await self._connection.setRemoteDescription(RTCSessionDescription(answer_sdp, "answer"))
        except Exception as error:  # as above
            raise ValueError(f"answer: {type(error).__name__}: {error}") from error
        self._remote_sdp = answer_sdp

    async def _apply_offer(self, offer_sdp: str) -> list[Track]:
        """Let aiortc take the offer; return the tracks to open."""
        _check_size(offer_sdp)
        connection = self._connection
        offer_sdp = without_dead_sections(offer_sdp, seams.codec_names())
        await connection.setRemoteDescription(RTCSessionDescription(offer_sdp, "offer"))
        if not self._video:
            for transceiver in connection.getTransceivers():
                if transceiver.kind == "video":
                    transceiver.direction = "inactive"
        return self._tracks_of(offer_sdp, seams.negotiated(connection))

    def _tracks_of(self, remote_sdp: str, agreed: list[NegotiatedMedia]) -> list[Track]:
        sections = {m.rtp.muxId: m for m in SessionDescription.parse(remote_sdp).media}
        tracks = []
        for media in agreed:
            section = sections.get(media.mid)
            if section is None or section.direction in ("inactive", "recvonly"):
                continue
            if media.kind == "video" and not self._video:
                continue
            repairs = [g.items for g in section.ssrc_group if g.semantic == "FID" and len(g.items) == 2]
            rtx = {int(repair): int(original) for original, repair in repairs}
            track = Track(
                number=0,
                participant=self._participant,
                source=SOURCES[self._room_type, media.kind],
                session=self.session_id,
                mid=media.mid,
                payload_types=media.payload_types,
                extensions=media.extensions,
                ssrcs=[s.ssrc for s in section.ssrc if s.ssrc not in rtx],
                rtx_ssrcs=rtx,
            )
            known = next((log.track for log in self._tracks if log.track.covers(track)), None)
            tracks.append(known or msgspec.structs.replace(track, number=self._log.reserve_track_number()))
        return tracks

    async def _receive(self, tracks: list[Track]) -> TrackSink:
        """Let packets go to *tracks* from now on: those that are new are opened, the others soon end."""
        known = {log.track.number: log for log in self._tracks}
        feeding = []
        for track in tracks:
            track_log = known.get(track.number) or await self._open(track)
            feeding.append(track_log)
        now_ms = self._log.time.now_ms()
        self._replaced |= {log: now_ms for log in self._tracks if log not in feeding}
        self._tracks = feeding
        if self._sink is None:
            self._sink = TrackSink(self._log, feeding)
        elif not known.keys() >= {track.number for track in tracks}:
            self._sink.turn_to(feeding)
            seams.want_keyframes(self._connection)  # the new tracks cannot do with the old ones' pictures
        return self._sink

    async def _open(self, track: Track) -> TrackLog:
        # In a thread: packets of others go on arriving while the disk is waited for.
        track_log = await asyncio.to_thread(self._log.open_track, track)
        self._tracks.append(track_log)
        self._log.event(
            "track_started", track=track.number, participant=track.participant, source=track.source
        )
        return track_log

    async def add_candidate(self, candidate: dict[str, Any]) -> None:
        """Take a trickled candidate; those that overtake the offer wait."""
        if self._answered:
            await self._apply_candidate(candidate)
        else:
            self._candidates.append(candidate)

    async def _apply_candidate(self, candidate: dict[str, Any]) -> None:
        text = str(candidate.get("candidate") or "").removeprefix("candidate:")
        try:
            parsed = candidate_from_sdp(text) if text else None
            if parsed is not None:
                parsed.sdpMid = candidate.get("sdpMid")
                parsed.sdpMLineIndex = candidate.get("sdpMLineIndex")
            await self._connection.addIceCandidate(parsed)
        except Exception as error:  # a stranger's text; one bad candidate must not cost the connection
            log.info("peer_candidate_ignored", error=f"{type(error).__name__}: {error}")

    def tick(self, now_ms: int) -> None:
        """Do the duties of each second: tell the bitrate, ask for keyframes, end what was replaced."""
        self.repair(now_ms)
        for receiver in seams.receivers(self._connection):
            receiver.send_remb(RECEIVABLE_BPS)
        now_ms = self._log.time.now_ms()
        for track in [log for log, at_ms in self._replaced.items() if now_ms - at_ms >= REPLACED_MS]:
            del self._replaced[track]
            self._end(track)

    def repair(self, now_ms: int) -> bool:
        """Ask for retransmissions and keyframes that are due; tell whether more will be soon."""
        receivers = seams.receivers(self._connection)
        for receiver in receivers:
            receiver.tick(now_ms, KEYFRAME_PERIOD_MS)
        return any(receiver.restless for receiver in receivers)

    async def close(self) -> None:
        """Close the connection and its tracks."""
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._connection.close()
                async with self._turn:  # what still negotiates finds the connection closed
                    pass
        except TimeoutError:
            log.warning("peer_does_not_close", tracks=self.track_numbers)
        for track in [*self._replaced, *self._tracks]:
            self._end(track)

    def _end(self, track: TrackLog) -> None:
        self._log.close_track(track)
        self._log.event("track_ended", track=track.track.number)


def _check_size(sdp: str) -> None:
    if sdp.count("\nm=") > MAX_SECTIONS:
        raise ValueError(f"more than {MAX_SECTIONS} media sections")


def _read_status(text: Any, take: Callable[[dict[str, Any]], None]) -> None:
    try:
        message = json.loads(text)
    except (ValueError, TypeError, RecursionError):
        return  # other clients' channels may carry what they like
    if isinstance(message, dict):
        take(message)
