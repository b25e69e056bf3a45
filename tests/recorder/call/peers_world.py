"""One recorder's peers, and the far side that keeps what they send."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiortc import RTCPeerConnection

from callrec.recorder.call.peers import Peers
from callrec.recorder.call.roster import Roster
from callrec.recorder.call.signaling import SignalingConnection, SignalingLost
from callrec.recorder.capture.log import CaptureLog
from callrec.recorder.folder.paths import FolderPaths
from callrec.recorder.folder.reader import FolderReader
from callrec.recorder.folder.timeline import Event
from callrec.recorder.folder.track import Track
from tests.recorder.folder.samples import ANCHOR, folder

MIRA = "session-of-mira"


class FarSide(SignalingConnection):
    """Keeps what is sent, in ``ids`` with which id; ``answered`` is told of each message."""

    def __init__(self, *features: str) -> None:
        self.session_id, self.features, self.resumed = "the-recorder", frozenset(features), False
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self.ids: list[str | None] = []
        self.answered = asyncio.Event()
        self.lost = False

    async def send_to(self, session_id: str, data: dict[str, Any], message_id: str | None = None) -> None:
        if self.lost:
            raise SignalingLost("gone")
        self.sent.append((session_id, data))
        self.ids.append(message_id)
        self.answered.set()


class World:
    """One recorder's peers, with what they wrote and sent."""

    def __init__(self, root: Path, *, video: bool = True) -> None:
        self.paths: FolderPaths = folder(root)
        self.log = CaptureLog(self.paths, ANCHOR)
        self.roster = Roster()
        self.roster.joined_room([{"sessionid": MIRA, "userid": "mira"}])
        self.roster.update([{"sessionId": MIRA, "inCall": 7}])
        self.peers = Peers(self.log, self.roster, video=video)
        self.far = FarSide()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["World"]:
        """Let the peers work; leaving waits for everything they began, and raises what they let out."""
        try:
            async with asyncio.timeout(20), asyncio.TaskGroup() as group:
                self.peers.use(self.far, [], group)
                yield self
        finally:
            await self.peers.close()
            self.log.close("stopped")

    def offer(self, sdp: Any, *, sid: str = "1", room_type: str = "video", session: str = MIRA) -> None:
        payload = {"type": "offer", "sdp": sdp, "nick": "Mi\ud800ra"}
        self.peers.on_message(
            session, {"type": "offer", "sid": sid, "roomType": room_type, "payload": payload}
        )

    @property
    def tracks(self) -> list[Track]:
        return FolderReader(self.paths).tracks()

    @property
    def events(self) -> list[Event]:
        return FolderReader(self.paths).timeline()


async def offer_to_nowhere() -> str:
    """Return an offer with microphone, camera and data channel, whose candidates lead nowhere."""
    connection = RTCPeerConnection()
    connection.addTransceiver("audio", direction="sendonly")
    connection.addTransceiver("video", direction="sendonly")
    connection.createDataChannel("status")
    await connection.setLocalDescription(await connection.createOffer())
    text = connection.localDescription.sdp
    await connection.close()
    lines = [line for line in text.splitlines() if not line.startswith("a=candidate")]
    return "\r\n".join(lines) + "\r\n"
