"""The recorder as a subscriber of a media server: asks for every stream that should flow."""

from collections.abc import Mapping

import structlog

from callrec.recorder.call.offers import Key
from callrec.recorder.call.peer import Peer
from callrec.recorder.call.roster import Roster
from callrec.recorder.call.signaling import SignalingConnection
from callrec.recorder.call.subscriptions import PROBE, Subscriptions
from callrec.wire.constants import CallFlag

Muted = Mapping[tuple[str, str], bool]
"""Whether a participant said that his ``audio`` or ``video`` is muted."""
MEDIA = CallFlag.WITH_AUDIO | CallFlag.WITH_VIDEO

log = structlog.get_logger()


class MediaServer:
    """What one connection to a signaling server with a media server subscribes to."""

    def __init__(self, connection: SignalingConnection, roster: Roster, *, video: bool) -> None:
        self._connection = connection
        self._roster = roster
        self._video = video
        self.subscriptions = Subscriptions()

    def use(self, connection: SignalingConnection) -> None:
        """Go on over *connection*: the same session, resumed, with all it subscribed to."""
        self._connection = connection

    async def tick(self, peers: Mapping[Key, Peer], muted: Muted, now_s: float) -> None:
        """Ask for what is missing; *peers* are the connections there are. Raises SignalingLost."""
        self.subscriptions.want(self._wanted(), now_s)
        for key, peer in peers.items():
            silent = self._is_muted(key[0], muted) if key[1] == "video" else not peer.track_numbers
            self.subscriptions.heard(key, peer.last_packet_s, now_s, muted=silent)
        for (session_id, room_type), message_id in self.subscriptions.due(now_s):
            log.info("stream_requested", room_type=room_type)
            data = {"type": "requestoffer", "to": session_id, "roomType": room_type}
            await self._connection.send_to(session_id, data, message_id)

    def _wanted(self) -> dict[Key, int]:
        wanted: dict[Key, int] = {}
        for session in self._roster.sessions.values():
            if not session.present or session.in_call is None:
                continue
            media = session.in_call & (MEDIA if self._video else CallFlag.WITH_AUDIO)
            if media:
                wanted[session.session_id, "video"] = int(media)
            # A screen is announced by its sharer alone, and to those who are there at that moment.
            wanted[session.session_id, "screen"] = PROBE
        return wanted

    def _is_muted(self, session_id: str, muted: Muted) -> bool:
        """Tell whether all that the session announced is known to be muted."""
        session = self._roster.session(session_id)
        flags = session.in_call or CallFlag.DISCONNECTED
        announced = [(CallFlag.WITH_AUDIO, "audio"), (CallFlag.WITH_VIDEO, "video")]
        return all(muted.get((session.participant, name)) for flag, name in announced if flags & flag)
