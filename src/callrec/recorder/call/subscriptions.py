"""Which streams to ask a media server for, and when. Pure: the caller brings the time.

A media server tells nobody that a publisher began anew: its subscribers are connected, and hear nothing for
ever. So a stream that should flow and does not is asked for again (docs/wire.md, Media servers).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from callrec.recorder.call.offers import Key

ANSWER_TIMEOUT_S = 12.0
"""A server waits 10 s for a publisher before it says that there is none."""
RETRY_S = (2.0, 5.0, 10.0)
SILENT_S = (6.0, 12.0, 24.0, 60.0)
"""A stream without a packet for this long is asked for again; each time the patience grows. Who is muted
sends nothing, and not everybody says so."""
ANSWER_ID = "answer-"
PROBE = 0
"""What is wanted of a stream that nobody announced: to be asked for once, and again if it was there."""


def answer_id(sid: str) -> str:
    """Return the message id with which to answer the offer *sid*: an error carries nothing but the id."""
    return ANSWER_ID + sid


class Request(NamedTuple):
    """Ask for the stream of *key* in a message with this id: an error carries nothing but the id."""

    key: Key
    message_id: str


@dataclass
class _Stream:
    media: int
    """The in-call flags that announce it."""
    ask_at_s: float
    message_id: str | None = None
    """Of the request that is under way: there may be one at a time."""
    failures: int = 0
    offered_at_s: float | None = None
    silences: int = 0
    sid: str = ""
    """Of the last offer."""
    again: bool = False
    """The flags changed while a request was under way: its offer may be older than the change."""
    exists: bool = False
    """It was offered, and nobody has said since that it is over."""
    given_up: bool = False


class Subscriptions:
    """The streams of one connection to a signaling server with a media server."""

    def __init__(self) -> None:
        self._streams: dict[Key, _Stream] = {}
        self._requests = 0

    def want(self, wanted: Mapping[Key, int], now_s: float) -> None:
        """Say which streams should flow, each with the flags that announce it, or PROBE.

        A change of the flags is a reason to ask again: a track may have come, and no offer tells so.
        """
        for key in [key for key in self._streams if key not in wanted]:
            del self._streams[key]
        for key, media in wanted.items():
            stream = self._streams.get(key)
            if stream is None:
                self._streams[key] = _Stream(media, ask_at_s=now_s)
            elif stream.media != media:
                stream.media, stream.failures, stream.silences = media, 0, 0
                if stream.message_id is None:
                    stream.ask_at_s = now_s
                else:
                    stream.again = True

    def due(self, now_s: float) -> list[Request]:
        """Return what to ask for now; it counts as asked for."""
        requests = []
        for key, stream in self._streams.items():
            if stream.message_id is not None and now_s >= stream.ask_at_s:
                self._failed(stream, now_s)  # no answer at all
            elif stream.message_id is None and now_s >= stream.ask_at_s:
                self._requests += 1
                stream.message_id = f"stream-{self._requests}"
                stream.ask_at_s = now_s + ANSWER_TIMEOUT_S
                requests.append(Request(key, stream.message_id))
        return requests

    def refused(self, message_id: str, now_s: float) -> bool:
        """Note that the server answered a request, or an answer to its offer, with an error.

        False: the message is none of those.
        """
        for key, stream in self._streams.items():
            if stream.message_id == message_id:
                self._failed(stream, now_s)
                return True
            if stream.offered_at_s is not None and message_id == answer_id(stream.sid):
                # Closed before it began: a server that is asked twice at a time does so by mistake.
                self.lost(key, now_s)
        return message_id.startswith(ANSWER_ID)  # those that a newer offer has replaced mean nothing

    def offered(self, key: Key, sid: str, now_s: float) -> None:
        """Note that the server offers the stream, asked for or not."""
        stream = self._streams.get(key)
        if stream is not None:
            stream.message_id, stream.failures, stream.offered_at_s = None, 0, now_s
            stream.ask_at_s = now_s if stream.again else float("inf")
            stream.sid, stream.again, stream.exists, stream.given_up = sid, False, True, False

    def ended(self, key: Key) -> None:
        """Note that its sender says that the stream is over: it is not asked for any more."""
        stream = self._streams.get(key)
        if stream is not None:
            stream.exists, stream.given_up, stream.offered_at_s = False, False, None
            if stream.message_id is None:
                stream.ask_at_s = float("inf")

    def given_up(self) -> list[Key]:
        """Return the streams that were there and that the server has no more, each once."""
        keys = [key for key, stream in self._streams.items() if stream.given_up]
        for key in keys:
            self._streams[key].given_up = False
        return keys

    def lost(self, key: Key, now_s: float) -> None:
        """Note that the connection of the stream came to nothing: ask again after a while."""
        stream = self._streams.get(key)
        if stream is not None and stream.message_id is None:
            stream.offered_at_s = None
            self._failed(stream, now_s)

    def heard(self, key: Key, last_packet_s: float | None, now_s: float, *, muted: bool) -> None:
        """Say when the last packet of an offered stream came; silence of who is not muted is suspicious.

        Not of a stream that was only probed for, once it has begun: a screen may stand still.
        """
        stream = self._streams.get(key)
        if stream is None or stream.offered_at_s is None or stream.message_id is not None:
            return
        if last_packet_s is not None and last_packet_s >= stream.offered_at_s:
            stream.silences = 0
            if stream.media == PROBE:
                return
        since_s = max(stream.offered_at_s, last_packet_s or 0.0)
        patience_s = SILENT_S[min(stream.silences, len(SILENT_S) - 1)]
        if not muted and now_s - since_s >= patience_s:
            stream.silences += 1
            stream.offered_at_s, stream.ask_at_s = None, now_s

    @staticmethod
    def _failed(stream: _Stream, now_s: float) -> None:
        stream.message_id = None
        if stream.media == PROBE and not (stream.exists and stream.failures < len(RETRY_S)):
            stream.ask_at_s = float("inf")
            stream.exists, stream.given_up = False, stream.exists
            return
        stream.ask_at_s = now_s + RETRY_S[min(stream.failures, len(RETRY_S) - 1)]
        stream.failures += 1
