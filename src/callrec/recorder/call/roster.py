"""Who is in the call, put together from the signaling server's events. Pure.

Lists are merged, never replaced (docs/wire.md, Participants): a push names those concerned, and somebody who
left comes once with ``inCall`` 0. Identity is the person: a reloaded browser is a new session.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from callrec.recorder.call.pace import Pace
from callrec.wire.constants import CallFlag

MAX_TEXT_CHARACTERS = 256
"""Of a name or an id: some come from other participants as they like."""
BURST = 20
REFILL_S = 2.0
"""Of the changes of one participant that are told: names, too, come as often as they like."""

NAMED_AGAIN_S = 1.0
"""Who is in the room comes in several events, and in any order."""


@dataclass
class Session:
    """One signaling session in the room."""

    session_id: str
    user_id: str = ""
    actor: str = ""
    """``guests/<id>`` and the like, when the backend told."""
    name: str = ""
    in_call: CallFlag | None = None
    """None until the backend told."""
    internal: bool = False
    in_room: bool = False
    """A ``join`` event named it. Lists may still hold sessions that are gone."""

    @property
    def participant(self) -> str:
        """Stable key of the person: a user, a guest, or while unknown the session."""
        if self.user_id:
            return f"users/{self.user_id}"
        return self.actor or f"session/{self.session_id}"

    @property
    def present(self) -> bool:
        """In the call, and not a recorder itself."""
        return self.in_room and self.calling and not self.internal

    @property
    def calling(self) -> bool:
        """The backend says that it is in the call."""
        return bool(self.in_call and self.in_call & CallFlag.IN_CALL)


@dataclass(frozen=True)
class Change:
    """What a participant's presence in the call changed to."""

    kind: Literal["joined", "left", "name"]
    participant: str
    name: str = ""


@dataclass
class Roster:
    """The sessions of the room, and the participants that were last reported as present."""

    present_before: frozenset[str] = frozenset()
    """Participants that an earlier process has reported as present; who has left since is told, too."""
    sessions: dict[str, Session] = field(default_factory=dict)
    _left: set[str] = field(default_factory=set)
    _reported: dict[str, str] = field(default_factory=dict)
    _pace: Pace = field(default_factory=lambda: Pace(BURST, REFILL_S))
    told: bool = False
    """Whether the backend said who is in the call since the room was joined (anew)."""
    _told_s: float | None = None
    """When that was noticed first."""

    def clear_sessions(self) -> None:
        """Forget all sessions: the room is joined anew, and its events tell who is there."""
        self.sessions.clear()
        self._left.clear()
        self.told = False

    def session(self, session_id: str) -> Session:
        """Return the session, known or new."""
        return self.sessions.setdefault(session_id, Session(session_id))

    def joined_room(self, entries: Iterable[Mapping[str, Any]]) -> None:
        """Apply a ``room`` / ``join`` event."""
        for entry in entries:
            session_id = entry.get("sessionid")
            if not isinstance(session_id, str):
                continue
            session = self.session(session_id)
            session.in_room = True
            self._left.discard(session_id)
            session.user_id = _text(entry.get("userid")) or session.user_id
            user = entry.get("user")
            if isinstance(user, Mapping):
                session.name = _text(user.get("displayname")) or session.name

    def left_room(self, session_ids: Iterable[Any]) -> None:
        """Apply a ``room`` / ``leave`` event."""
        for session_id in session_ids:
            if isinstance(session_id, str):
                self.sessions.pop(session_id, None)
                self._left.add(session_id)

    def update(self, users: Iterable[Mapping[str, Any]]) -> None:
        """Apply the entries of a ``participants`` / ``update`` event."""
        self.told = True
        for user in users:
            session_id = user.get("sessionId")
            if not isinstance(session_id, str) or session_id in self._left:
                continue
            session = self.session(session_id)
            if isinstance(user.get("inCall"), int):
                session.in_call = CallFlag(user["inCall"])
            session.internal = bool(user.get("internal", session.internal))
            session.user_id = _text(user.get("userId")) or session.user_id
            session.name = _text(user.get("displayName")) or session.name
            actor_type, actor_id = _text(user.get("actorType")), _text(user.get("actorId"))
            if actor_type and actor_id:
                session.actor = f"{actor_type}/{actor_id}"

    def all_left_call(self) -> None:
        """Apply ``incall 0, all``: the call ended for everyone."""
        for session in self.sessions.values():
            session.in_call = CallFlag.DISCONNECTED

    def rename(self, session_id: str, name: str) -> None:
        """Apply a nickname that the peer itself sent; names of users come from the backend and win."""
        session = self.sessions.get(session_id)
        if session and name and not session.user_id:
            session.name = _text(name)

    def in_call(self, session_id: str) -> bool:
        """Tell whether the session is in the call, and no recorder."""
        session = self.sessions.get(session_id)
        return session is not None and session.present

    def has_left(self, session_id: str) -> bool:
        """Tell whether the session has left the room."""
        return session_id in self._left

    def out_of_call(self, session_id: str) -> bool:
        """Tell whether the session is known to be out: it left the room, or the backend said so."""
        session = self.sessions.get(session_id)
        if session is None:
            return session_id in self._left
        return session.in_call is not None and (session.internal or not session.calling)

    @property
    def empty(self) -> bool:
        """Nobody but recorders is in the call."""
        return not any(session.present for session in self.sessions.values())

    def changes(self, now_s: float) -> list[Change]:
        """Return what changed for participants since the last call of this method.

        Nobody is taken for gone while the room is joined anew, before the backend has told who is there. Of
        who changes too often a later call tells what holds by then.
        """
        if not self.told:
            return []
        present: dict[str, str] = {}
        for session in self.sessions.values():
            if session.present:
                present[session.participant] = session.name or present.get(session.participant, "")
        wanted = [Change("left", key) for key in self._reported if key not in present]
        if self.present_before:
            wanted += [Change("left", key) for key in self._gone_before(present, now_s)]
        for key, name in present.items():
            if key not in self._reported:
                wanted.append(Change("joined", key, name))
            elif name != self._reported[key]:
                wanted.append(Change("name", key, name))
        result = [change for change in wanted if self._pace.allows(change.participant, now_s)]
        for change in result:
            self.present_before -= {change.participant}
            if change.kind == "left":
                self._reported.pop(change.participant, None)
            else:
                self._reported[change.participant] = change.name
        return result

    def _gone_before(self, present: Collection[str], now_s: float) -> list[str]:
        """Return who was there before this process, and has had the time to be named again."""
        self._told_s = now_s if self._told_s is None else self._told_s
        if now_s - self._told_s < NAMED_AGAIN_S:
            return []
        return sorted(self.present_before - self._reported.keys() - set(present))


def _text(value: Any) -> str:
    """Return *value* if it is a text, cut to a length, without the lone surrogates that JSON can carry."""
    if not isinstance(value, str):
        return ""
    return value[:MAX_TEXT_CHARACTERS].encode(errors="replace").decode()
