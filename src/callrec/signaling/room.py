"""A room: who is in it, and what they are told about each other. Pure."""

from collections.abc import Sequence
from typing import Any

from callrec.signaling import frames
from callrec.signaling.frames import Frame
from callrec.signaling.participants import ParticipantList
from callrec.signaling.session import Session
from callrec.wire.constants import CallFlag


class Room:
    """One room with at least one session in it, or about to be."""

    def __init__(self, token: str) -> None:
        self.token = token
        self.sessions: dict[str, Session] = {}
        self.by_conversation_session: dict[str, Session] = {}
        self.participants = ParticipantList()
        self.properties: dict[str, Any] | None = None
        """As sent to clients; None while only internal clients have joined."""
        self.joining = 0
        """Sessions whose admission is being asked for: a push that comes meanwhile must not be lost."""

    def send(self, frame: Frame) -> None:
        """Queue *frame* for everybody in the room."""
        for session in self.sessions.values():
            session.outbox.put(frame)

    def enter(self, session: Session, conversation_session: str) -> None:
        """Put *session* into the room; tell it and the others."""
        others = [other.join_entry() for other in self.sessions.values()]
        session.room = self
        session.conversation_session = conversation_session
        self.sessions[session.id] = session
        if conversation_session:
            self.by_conversation_session[conversation_session] = session
        self.send(frames.join([session.join_entry()]))
        if others:
            session.outbox.put(frames.join(others))
        if session.internal or self.participants.in_call(conversation_session):
            self.send(self.participants_frame())
        else:
            session.outbox.put(self.participants_frame())

    def renew(self, session: Session, conversation_session: str) -> None:
        """Give *session*, which is in the room, another conversation session."""
        del self.by_conversation_session[session.conversation_session]
        self.participants.forget(session.conversation_session)
        session.conversation_session = conversation_session
        self.by_conversation_session[conversation_session] = session
        self.send(self.participants_frame())

    def remove(self, session: Session, *, replaced: bool = False) -> None:
        """Take *session* out of the room and tell the others.

        *replaced*: another socket comes in with the same conversation session, so its call state stays.
        """
        del self.sessions[session.id]
        if session.conversation_session:
            del self.by_conversation_session[session.conversation_session]
            if not replaced:
                self.participants.forget(session.conversation_session)
        session.out_of_room()
        self.send(frames.leave([session.id]))

    def dissolve(self) -> list[Session]:
        """Take everybody out of the room; return who it was."""
        sessions = list(self.sessions.values())
        self.sessions.clear()
        self.by_conversation_session.clear()
        self.participants = ParticipantList()
        for session in sessions:
            session.out_of_room()
        return sessions

    def merge(self, changed: Sequence[dict[str, Any]], users: Sequence[dict[str, Any]]) -> None:
        """Take a push of participants, tell everybody, and give those changed their new permissions."""
        ids = self._ids()
        for entry in changed:
            session = self.by_conversation_session.get(entry["sessionId"])
            if session is not None and "permissions" in entry:
                session.permissions = frozenset(entry["permissions"])
        before = self.participants.translated(ids)
        self.participants.merge(changed, users, ids)
        named = any(entry["sessionId"] in ids for entry in (*changed, *users))
        if named or self.participants.translated(ids) != before:
            self.send(self.participants_frame())

    def set_all_in_call(self, in_call: int) -> None:
        """Take the push that gives everybody the same in-call flags."""
        self.participants.set_all(in_call)
        self.send(frames.everybody(self.token, in_call))

    def participants_frame(self) -> Frame:
        """Return the merged list as sent to clients, with the internal clients in it."""
        internal = [
            {"sessionId": s.id, "inCall": s.internal_in_call, "internal": True}
            for s in self.sessions.values()
            if s.internal
        ]
        users = [*self.participants.translated(self._ids()), *internal]
        return frames.participants(self.token, users)

    def recipients(self, sender: Session, kind: str, session_id: str, user_id: str) -> list[Session]:
        """Return who gets a message of *sender*: only sessions of this room, never itself.

        *kind* is session, user, room or call. A user's messages to itself reach none of its sessions.
        """
        others = [s for s in self.sessions.values() if s is not sender]
        if kind == "session":
            return [s for s in others if s.id == session_id]
        if kind == "user":
            return [s for s in others if s.user_id == user_id != sender.user_id]
        if kind == "call":
            return [s for s in others if self._is_in_call(s)]
        return others

    def _is_in_call(self, session: Session) -> bool:
        if session.internal:
            return bool(session.internal_in_call & CallFlag.IN_CALL)
        return bool(self.participants.in_call(session.conversation_session) & CallFlag.IN_CALL)

    def _ids(self) -> dict[str, str]:
        return {conversation: s.id for conversation, s in self.by_conversation_session.items()}
