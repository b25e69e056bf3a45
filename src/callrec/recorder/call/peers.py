"""The peer connections of a call: offers are answered, what peers say about themselves is noted."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog
from aiortc import RTCIceServer

from callrec import clock
from callrec.recorder.call.offers import Key, Offer, Offers
from callrec.recorder.call.peer import Peer, RoomType
from callrec.recorder.call.roster import Roster
from callrec.recorder.call.signaling import SignalingConnection, SignalingLost
from callrec.recorder.capture.log import CaptureLog

MAX_EARLY_CANDIDATES = 64
MAX_EARLY_CONNECTIONS = 256
"""Candidates may overtake their offer; those whose offer never comes must not pile up."""

_STATUS_EVENTS = {
    "audioOff": ("muted", "audio"),
    "audioOn": ("unmuted", "audio"),
    "videoOff": ("muted", "video"),
    "videoOn": ("unmuted", "video"),
}

log = structlog.get_logger()


class Peers:
    """One connection per session and room type; the last offer wins (docs/wire.md, Mesh)."""

    def __init__(self, capture_log: CaptureLog, roster: Roster, *, video: bool) -> None:
        self._log = capture_log
        self._roster = roster
        self._video = video
        self._peers: dict[Key, Peer] = {}
        self._early: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
        self._offers = Offers()
        self._muted: dict[tuple[str, str], bool] = {}
        self._connection: SignalingConnection | None = None
        self._ice_servers: list[RTCIceServer] = []
        self._group: asyncio.TaskGroup | None = None

    def use(
        self,
        connection: SignalingConnection,
        ice_servers: list[RTCIceServer],
        group: asyncio.TaskGroup,
    ) -> None:
        """Speak over *connection* from now on; media that flows goes on meanwhile."""
        self._connection, self._ice_servers, self._group = connection, ice_servers, group

    def on_message(self, session_id: str, data: dict[str, Any]) -> None:
        """Handle what another session sent."""
        kind, room_type = data.get("type"), data.get("roomType")
        payload = data.get("payload")
        if kind == "offer" and room_type in ("video", "screen") and isinstance(payload, dict):
            self._roster.rename(session_id, str(payload.get("nick") or ""))
            self._offers.put(
                (session_id, room_type), Offer(str(data.get("sid", "")), str(payload.get("sdp")))
            )
            self.answer_offers()
        elif kind == "candidate" and room_type in ("video", "screen") and isinstance(payload, dict):
            self._candidate(session_id, room_type, str(data.get("sid", "")), payload.get("candidate"))
        elif kind in ("mute", "unmute") and isinstance(payload, dict):
            self._on_muted(session_id, str(payload.get("name")), muted=kind == "mute")
        elif kind == "nickChanged" and isinstance(payload, dict):
            self._roster.rename(session_id, str(payload.get("name") or ""))
        elif kind == "unshareScreen":
            self._close((session_id, "screen"))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        assert self._group is not None, "use() comes before any message"
        self._group.create_task(_guarded(work))

    def answer_offers(self) -> None:
        """Answer the offers of sessions that are in the call; those of others wait until they are."""
        for key, offer in self._offers.take(self._roster.in_call, clock.monotonic_ns() / 1e9):
            self._spawn(self._answer(key, offer.sid, offer.sdp))

    async def _answer(self, key: Key, sid: str, sdp: str) -> None:
        assert self._connection is not None
        session_id, room_type = key
        self._close(key)
        peer = Peer(
            self._log,
            self._ice_servers,
            session_id=session_id,
            room_type=room_type,
            sid=sid,
            on_status=self._on_status,
        )
        self._peers[key] = peer
        for candidate in self._early.pop((session_id, room_type, sid), []):
            await peer.add_candidate(candidate)
        participant = self._roster.session(session_id).participant
        try:
            answer = await peer.answer(sdp, participant, video=self._video)
            if self._peers.get(key) is not peer:
                return  # a newer offer came meanwhile
            payload = {"type": "answer", "sdp": answer}
            data = {"type": "answer", "to": session_id, "sid": sid, "roomType": room_type, "payload": payload}
            await self._connection.send_to(session_id, data)
            log.info("peer_answered", room_type=room_type, tracks=peer.track_numbers)
            await peer.add_waiting_candidates()
        except ValueError as error:
            log.warning("peer_offer_refused", error=str(error))
            self._drop(key, peer)
        except OSError as error:
            self._log.disk_failed(error)
        except SignalingLost:
            log.warning("peer_answer_not_sent")
            self._drop(key, peer)

    def _candidate(self, session_id: str, room_type: RoomType, sid: str, candidate: Any) -> None:
        if not isinstance(candidate, dict):
            return
        peer = self._peers.get((session_id, room_type))
        if peer is not None and peer.sid == sid:
            self._spawn(peer.add_candidate(candidate))
        elif session_id in self._roster.sessions:
            waiting = self._early.setdefault((session_id, room_type, sid), [])
            if len(waiting) < MAX_EARLY_CANDIDATES:
                waiting.append(candidate)
            if len(self._early) > MAX_EARLY_CONNECTIONS:
                del self._early[next(iter(self._early))]

    def _on_status(self, session_id: str, message: dict[str, Any]) -> None:
        event = _STATUS_EVENTS.get(str(message.get("type")))
        if event:
            self._on_muted(session_id, event[1], muted=event[0] == "muted")

    def _on_muted(self, session_id: str, media: str, *, muted: bool) -> None:
        if media not in ("audio", "video"):
            return
        participant = self._roster.session(session_id).participant
        # Clients say it twice, by message and by data channel, and repeat themselves.
        if self._muted.get((participant, media)) != muted:
            self._muted[participant, media] = muted
            self._log.event("muted" if muted else "unmuted", participant=participant, media=media)

    def drop_absent(self) -> None:
        """Close the connections of sessions that left the call; name tracks whose person is known now."""
        for key, peer in list(self._peers.items()):
            if self._roster.out_of_call(key[0]):
                self._close(key)
            elif key[0] in self._roster.sessions:
                peer.belongs_to(self._roster.session(key[0]).participant)
        for early in [k for k in self._early if self._roster.out_of_call(k[0])]:
            del self._early[early]
        self._offers.forget(self._roster.has_left)
        self.answer_offers()

    def _drop(self, key: Key, peer: Peer) -> None:
        if self._peers.get(key) is peer:  # else a newer offer has taken its place
            self._close(key)

    def _close(self, key: Key) -> None:
        peer = self._peers.pop(key, None)
        if peer is not None:
            self._spawn(peer.close())

    async def tick(self, now_ms: int, *, second: bool) -> None:
        """Do the live duties of all connections. One that fails is closed; the others go on."""
        if second:
            self.answer_offers()  # those that came too fast
        for key, peer in list(self._peers.items()):
            try:
                await peer.tick(now_ms, second=second)
            except Exception:  # a stranger's packets led here; they must not end the others' capture
                log.exception("peer_failed", tracks=peer.track_numbers)
                self._drop(key, peer)

    async def close(self) -> None:
        """Close all connections."""
        peers, self._peers = list(self._peers.values()), {}
        await asyncio.gather(*(peer.close() for peer in peers))


async def _guarded(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except Exception:  # what a stranger sent led here; it must not end the others' capture
        log.exception("peer_failed")
