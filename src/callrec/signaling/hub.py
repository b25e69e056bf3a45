"""All sessions and rooms of the signaling server. Pure: instants are given, nothing is awaited."""

from collections.abc import Collection, Iterator

from callrec.signaling.config import SignalingConfig
from callrec.signaling.room import Room
from callrec.signaling.session import Session


class Hub:
    """Opens, finds and closes sessions; keeps the rooms that somebody is in."""

    def __init__(self) -> None:
        self.sessions: dict[str, Session] = {}
        self.rooms: dict[str, Room] = {}
        self._by_resume_id: dict[str, Session] = {}

    def open(self, session: Session) -> None:
        """Add a session."""
        self.sessions[session.id] = session
        self._by_resume_id[session.resume_id] = session

    def resumable(self, resume_id: str) -> Session | None:
        """Return the session with this secret id."""
        return self._by_resume_id.get(resume_id)

    def of_users(self, user_ids: Collection[str]) -> Iterator[Session]:
        """Return the sessions of these logged-in users."""
        return (s for s in self.sessions.values() if s.user_id and s.user_id in user_ids)

    def expect(self, token: str) -> Room:
        """Return the room, kept until :meth:`arrived` even while nobody is in it."""
        room = self.rooms.setdefault(token, Room(token))
        room.joining += 1
        return room

    def arrived(self, room: Room) -> None:
        """Undo one :meth:`expect`."""
        room.joining -= 1
        self._forget_if_empty(room)

    def leave(self, session: Session, now_s: float, *, replaced: bool = False) -> None:
        """Take *session* out of its room, if it is in one. *replaced* as in :meth:`Room.remove`."""
        room = session.room
        if room is not None:
            room.remove(session, replaced=replaced)
            session.roomless_since_s = now_s
            self._forget_if_empty(room)

    def dissolve(self, room: Room, now_s: float) -> list[Session]:
        """Take everybody out of *room*, which is gone; return who it was. Nobody is told of the others."""
        sessions = room.dissolve()
        for session in sessions:
            session.roomless_since_s = now_s
        self._forget_if_empty(room)
        return sessions

    def close(self, session: Session, now_s: float, *, replaced: bool = False) -> None:
        """End *session* for good."""
        self.leave(session, now_s, replaced=replaced)
        session.closed = True
        self.sessions.pop(session.id, None)
        self._by_resume_id.pop(session.resume_id, None)

    def conversation_sessions(self) -> dict[str, list[str]]:
        """Return which conversation sessions are alive, by room token."""
        alive = {token: list(room.by_conversation_session) for token, room in self.rooms.items()}
        return {token: sessions for token, sessions in alive.items() if sessions}

    def expired(self, config: SignalingConfig, now_s: float) -> list[Session]:
        """Return the sessions that had no socket for too long, or whose queue is full."""
        return [
            s
            for s in self.sessions.values()
            if s.detached_since_s is not None
            and (s.outbox.broken or now_s - s.detached_since_s >= config.resume_timeout_s)
        ]

    def strayed(self, config: SignalingConfig, now_s: float) -> list[Session]:
        """Return the anonymous sessions that were in no room for too long."""
        return [
            s
            for s in self.sessions.values()
            if not s.user_id
            and not s.internal
            and s.room is None
            and now_s - s.roomless_since_s >= config.anonymous_timeout_s
        ]

    def _forget_if_empty(self, room: Room) -> None:
        if not room.sessions and not room.joining:
            self.rooms.pop(room.token, None)
