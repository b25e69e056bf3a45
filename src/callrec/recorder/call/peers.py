"""The peer connections of a call: offers are answered or made, what peers say about themselves is noted."""

import asyncio
import secrets
from collections.abc import Coroutine
from typing import Any, Literal

import structlog
from aiortc import RTCIceServer

from callrec import clock
from callrec.recorder.call.media_server import MediaServer
from callrec.recorder.call.offers import Key, Offer, Offers
from callrec.recorder.call.own_offers import OwnOffers
from callrec.recorder.call.peer import Peer, RoomType
from callrec.recorder.call.roster import Roster
from callrec.recorder.call.signaling import SignalingConnection, SignalingLost
from callrec.recorder.call.statements import Statement, Statements, Topic, name_of, topic_of
from callrec.recorder.call.subscriptions import answer_id
from callrec.recorder.capture.log import CaptureLog
from callrec.wire.constants import CallFlag

REPAIR_S = 0.05
"""While something is missing: how often is looked whether it has to be asked for again."""
MAX_EARLY_CANDIDATES = 64
MAX_EARLY_CONNECTIONS = 256
"""Candidates may overtake their offer; those whose offer never comes must not pile up."""

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
        self._statements = Statements()
        self._connection: SignalingConnection | None = None
        self._media_server: MediaServer | None = None
        self._own_offers = OwnOffers()
        self._ice_servers: list[RTCIceServer] = []
        self._group: asyncio.TaskGroup | None = None
        self._lossy: set[Key] = set()
        self._repairing: asyncio.TimerHandle | None = None

    def use(
        self,
        connection: SignalingConnection,
        ice_servers: list[RTCIceServer],
        group: asyncio.TaskGroup,
    ) -> None:
        """Speak over *connection* from now on; media that flows goes on meanwhile."""
        self._connection, self._ice_servers, self._group = connection, ice_servers, group
        if connection.resumed and self._media_server is not None:
            self._media_server.use(connection)
        elif "mcu" in connection.features:
            self._media_server = MediaServer(connection, self._roster, video=self._video)
        else:
            self._media_server = None

    def on_message(self, session_id: str, data: dict[str, Any]) -> None:
        """Handle what another session sent."""
        kind, room_type = data.get("type"), data.get("roomType")
        payload = data.get("payload")
        if kind == "offer" and room_type in ("video", "screen") and isinstance(payload, dict):
            self._roster.rename(session_id, str(payload.get("nick") or ""))
            sid = str(data.get("sid", ""))
            self._offers.put((session_id, room_type), Offer(sid, str(payload.get("sdp"))))
            if self._media_server is not None:
                self._media_server.subscriptions.offered((session_id, room_type), sid, self._now_s)
            self.answer_offers()
        elif kind == "answer" and room_type == "video" and isinstance(payload, dict):
            self._spawn(self._accept((session_id, room_type), str(data.get("sid", "")), payload.get("sdp")))
        elif kind == "candidate" and room_type in ("video", "screen") and isinstance(payload, dict):
            self._candidate(session_id, room_type, str(data.get("sid", "")), payload.get("candidate"))
        elif kind == "unshareScreen":
            if self._media_server is not None:
                self._media_server.subscriptions.ended((session_id, "screen"))
            self._end((session_id, "screen"))
        else:
            self._on_status(session_id, data)

    def refused(self, message_id: str) -> bool:
        """Note that the server answered our message with an error. False: it was not about media."""
        server = self._media_server
        return server is not None and server.subscriptions.refused(message_id, self._now_s)

    @property
    def _now_s(self) -> float:
        return self._log.time.now_ms() / 1000

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        assert self._group is not None, "use() comes before any message"
        self._group.create_task(_guarded(work))

    def answer_offers(self) -> None:
        """Answer the offers of sessions that are in the call; those of others wait until they are."""
        for key, offer in self._offers.take(self._roster.in_call, clock.monotonic_s()):
            self._spawn(self._answer(key, offer.sid, offer.sdp))

    async def _answer(self, key: Key, sid: str, sdp: str) -> None:
        session_id, room_type = key
        peer = self._peers.get(key)
        if peer is None or not peer.renegotiates(sid, sdp):
            peer = self._new_peer(key, sid)
        for candidate in self._early.pop((session_id, room_type, sid), []):
            await peer.add_candidate(candidate)
        participant = self._roster.session(session_id).participant
        try:
            answer = await peer.answer(sdp, participant, video=self._video)
            if self._peers.get(key) is not peer:
                return  # a newer offer came meanwhile
            await self._send("answer", key, sid, answer)
            log.info("peer_answered", room_type=room_type, tracks=peer.track_numbers)
            if room_type == "screen":
                self._say(session_id, "screen", on=True)
            await peer.add_waiting_candidates()
        except ValueError as error:
            log.warning("peer_offer_refused", error=str(error))
            self._drop(key, peer)
        except OSError as error:
            self._log.disk_failed(error)
        except SignalingLost:
            log.warning("peer_answer_not_sent")
            self._drop(key, peer)

    def _new_peer(self, key: Key, sid: str) -> Peer:
        self._close(key)
        peer = self._peers[key] = Peer(
            self._log,
            self._ice_servers,
            session_id=key[0],
            room_type=key[1],
            sid=sid,
            on_status=self._on_status,
            on_loss=lambda: self._has_loss(key),
            by_media_server=self._media_server is not None,
        )
        return peer

    async def _offer(self, session_id: str) -> None:
        key: Key = (session_id, "video")
        sid = secrets.token_hex(8)
        peer = self._new_peer(key, sid)
        try:
            sdp = await peer.offer(self._roster.session(session_id).participant, video=self._video)
            if self._peers.get(key) is not peer:
                return  # the session has offered meanwhile
            await self._send("offer", key, sid, sdp)
            log.info("peer_offered")
        except (ValueError, SignalingLost) as error:
            log.warning("peer_offer_not_sent", error=str(error))
            self._drop(key, peer)

    async def _send(self, kind: Literal["offer", "answer"], key: Key, sid: str, sdp: str) -> None:
        """Send our session description to the other side of *key*'s connection. Raises SignalingLost."""
        assert self._connection is not None, "use() comes before any message"
        session_id, room_type = key
        payload = {"type": kind, "sdp": sdp}
        data = {"type": kind, "to": session_id, "sid": sid, "roomType": room_type, "payload": payload}
        message_id = answer_id(sid) if kind == "answer" and self._media_server is not None else None
        await self._connection.send_to(session_id, data, message_id)

    async def _accept(self, key: Key, sid: str, sdp: Any) -> None:
        peer = self._peers.get(key)
        if peer is None or peer.sid != sid or not peer.waits_for_answer:
            return
        try:
            await peer.accept(str(sdp))
            log.info("peer_accepted", room_type=key[1], tracks=peer.track_numbers)
        except ValueError as error:
            log.warning("peer_answer_refused", error=str(error))
            self._drop(key, peer)
        except OSError as error:
            self._log.disk_failed(error)

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
        """Note what a participant says about himself, by signaling or on a data channel."""
        name, said = name_of(message), topic_of(message)
        if name is not None:
            self._roster.rename(session_id, name)
        elif said is not None:
            self._say(session_id, *said)

    def _say(self, session_id: str, topic: Topic, on: bool) -> None:
        session = self._roster.sessions.get(session_id)
        if session is not None and session.in_room and not session.internal:
            self._write(self._statements.say(session.participant, topic, on, self._now_s))

    def _write(self, statement: Statement | None) -> None:
        if statement is not None:
            event, participant, media = statement
            self._log.event(event, participant=participant, media=media)

    def has_left(self, participant: str) -> None:
        """Note that *participant* has left the call; it is in the timeline already."""
        self._statements.left(participant)

    def drop_absent(self) -> None:
        """Close the connections of sessions that left the call; name tracks whose person is known now."""
        for key, peer in list(self._peers.items()):
            if self._roster.out_of_call(key[0]):
                self._end(key)
            elif key[0] in self._roster.sessions:
                peer.belongs_to(self._roster.session(key[0]).participant)
        for early in [k for k in self._early if self._roster.out_of_call(k[0])]:
            del self._early[early]
        self._offers.forget(self._roster.has_left)
        self.answer_offers()

    def _drop(self, key: Key, peer: Peer) -> None:
        if self._peers.get(key) is peer:  # else a newer offer has taken its place
            self._end(key)
            if self._media_server is not None:
                self._media_server.subscriptions.lost(key, self._now_s)

    def _end(self, key: Key) -> None:
        """Close the connection; none takes its place at once."""
        if key[1] == "screen":
            self._say(key[0], "screen", on=False)
        self._close(key)

    def _close(self, key: Key) -> None:
        peer = self._peers.pop(key, None)
        if peer is not None:
            self._spawn(peer.close())

    async def tick(self, now_ms: int) -> None:
        """Do the duties of each second. A connection whose duties fail is closed; the others go on."""
        for statement in self._statements.due(self._now_s):
            self._write(statement)
        self.answer_offers()  # those that came too fast
        await self._seek_media()
        for key, peer in list(self._peers.items()):
            try:
                peer.tick(now_ms)
            except Exception:  # as in _failed
                self._failed(key, peer)

    def _has_loss(self, key: Key) -> None:
        """Repair the connection from now on until nothing is missing. Others cost nothing meanwhile."""
        self._lossy.add(key)
        if self._repairing is None:
            self._repairing = asyncio.get_running_loop().call_later(REPAIR_S, self._repair)

    def _repair(self) -> None:
        self._repairing = None
        now_ms = clock.monotonic_ns() // 1_000_000
        lossy, self._lossy = self._lossy, set()
        for key in lossy:
            peer = self._peers.get(key)
            if peer is None:
                continue
            try:
                if peer.repair(now_ms):
                    self._has_loss(key)
            except Exception:  # as in _failed
                self._failed(key, peer)

    def _failed(self, key: Key, peer: Peer) -> None:
        # A stranger's packets led here; they must not end the others' capture.
        log.exception("peer_failed", tracks=peer.track_numbers)
        self._drop(key, peer)

    async def _seek_media(self) -> None:
        """Ask the media server for streams, or offer to clients that wait for it."""
        for key, peer in list(self._peers.items()):
            if peer.dead:
                log.info("peer_dead", room_type=key[1], tracks=peer.track_numbers)
                self._drop(key, peer)
        try:
            if self._media_server is not None:
                for key in self._media_server.subscriptions.given_up():
                    self._end(key)
                await self._media_server.tick(self._peers, self._statements.muted, self._now_s)
            elif self._connection is not None:
                for session_id in self._own_offers.due(self._silent_below_us(), self._now_s):
                    self._spawn(self._offer(session_id))
        except SignalingLost:
            log.debug("stream_request_not_sent")  # whoever reads the connection hears of it, too

    def _silent_below_us(self) -> list[str]:
        """Return the sessions that announce media, have not offered it, and leave offering to larger ids."""
        assert self._connection is not None
        sending = CallFlag.WITH_AUDIO | CallFlag.WITH_VIDEO
        return [
            session.session_id
            for session in self._roster.sessions.values()
            if session.present
            and (session.in_call or 0) & sending
            and session.session_id < self._connection.session_id
            and not self._is_connected((session.session_id, "video"))
        ]

    def _is_connected(self, key: Key) -> bool:
        peer = self._peers.get(key)
        return peer is not None and not peer.waits_for_answer

    async def close(self) -> None:
        """Close all connections."""
        if self._repairing is not None:
            self._repairing.cancel()
        peers, self._peers = list(self._peers.values()), {}
        await asyncio.gather(*(peer.close() for peer in peers))


async def _guarded(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except Exception:  # what a stranger sent led here; it must not end the others' capture
        log.exception("peer_failed")
