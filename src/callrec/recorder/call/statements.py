"""What participants say about themselves, as events of the timeline. Pure: the caller brings the time.

Clients say everything twice (docs/wire.md, State) and repeat themselves: each change is one event. Of who
changes too often it is written down late what holds by then: nobody fills a disk by waving.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from callrec.recorder.call.pace import Pace
from callrec.recorder.folder.timeline import EventType

Topic = Literal["audio", "video", "speaking", "hand", "screen"]

BURST = 20
REFILL_S = 2.0
"""Of a participant's events about one topic; who speaks lively changes about as often."""
MAX_REMEMBERED = 4096
"""Participants times topics; guests may come without end."""

_EVENTS: dict[Topic, tuple[EventType, EventType]] = {
    "audio": ("muted", "unmuted"),
    "video": ("muted", "unmuted"),
    "speaking": ("stopped_speaking", "speaking"),
    "hand": ("hand_lowered", "hand_raised"),
    "screen": ("screen_stopped", "screen_started"),
}
"""For off and on."""
_MEDIA: Mapping[str, Topic] = {"audio": "audio", "video": "video"}
_STATUS: Mapping[str, tuple[Topic, bool]] = {
    "audioOff": ("audio", False),
    "audioOn": ("audio", True),
    "videoOff": ("video", False),
    "videoOn": ("video", True),
    "stoppedSpeaking": ("speaking", False),
    "speaking": ("speaking", True),
}


def topic_of(message: Mapping[str, Any]) -> tuple[Topic, bool] | None:
    """Return what a signaling or data channel message says is off or on, None if it says nothing of that."""
    kind, payload = str(message.get("type")), message.get("payload")
    said = payload if isinstance(payload, Mapping) else {}
    if kind in ("mute", "unmute"):
        topic = _MEDIA.get(str(said.get("name")))
        return None if topic is None else (topic, kind == "unmute")
    if kind == "raiseHand":
        return ("hand", said["state"]) if isinstance(said.get("state"), bool) else None
    return _STATUS.get(kind)


def name_of(message: Mapping[str, Any]) -> str | None:
    """Return the name that a message says its sender has, None if it says no name."""
    if message.get("type") != "nickChanged":
        return None
    payload = message.get("payload")
    name = payload.get("name") if isinstance(payload, Mapping) else payload
    return name if isinstance(name, str) else None


class Statement(NamedTuple):
    """An event to be written."""

    event: EventType
    participant: str
    media: Literal["audio", "video"] | None


@dataclass
class _Topic:
    on: bool | None
    written: bool | None
    """None: whether he is muted is not known before he says so."""


class Statements:
    """What holds for every participant, and what of it is written."""

    def __init__(self) -> None:
        self._topics: dict[tuple[str, Topic], _Topic] = {}
        self._late: dict[tuple[str, Topic], None] = {}
        self._pace = Pace(BURST, REFILL_S)

    def say(self, participant: str, topic: Topic, on: bool, now_s: float) -> Statement | None:
        """Take a statement; return the event of it if it is a change and to be written now."""
        key = (participant, topic)
        initially = None if topic in _MEDIA else False
        known = self._topics.setdefault(key, _Topic(initially, initially))
        known.on = on
        if len(self._topics) > MAX_REMEMBERED:
            oldest = next(iter(self._topics))
            del self._topics[oldest]
            self._late.pop(oldest, None)
        if known.on == known.written:
            self._late.pop(key, None)
        elif key in self._late or not self._pace.allows(key, now_s):
            self._late[key] = None
        else:
            return self._write(key, known)
        return None

    def due(self, now_s: float) -> list[Statement]:
        """Return what had to wait and need not any more."""
        keys = [key for key in self._late if self._pace.allows(key, now_s)]
        for key in keys:
            del self._late[key]
        return [self._write(key, self._topics[key]) for key in keys]

    def left(self, participant: str) -> None:
        """Forget what ends when somebody leaves the call; nothing is written, as *left* says it."""
        for topic in _EVENTS:
            if topic not in _MEDIA:
                self._topics.pop((participant, topic), None)
                self._late.pop((participant, topic), None)

    @property
    def muted(self) -> dict[tuple[str, str], bool]:
        """Whether a participant said that his ``audio`` or ``video`` is muted."""
        return {key: not known.on for key, known in self._topics.items() if key[1] in _MEDIA}

    @staticmethod
    def _write(key: tuple[str, Topic], known: _Topic) -> Statement:
        participant, topic = key
        known.written = known.on
        media: Literal["audio", "video"] | None = topic if topic in ("audio", "video") else None
        return Statement(_EVENTS[topic][bool(known.on)], participant, media)
