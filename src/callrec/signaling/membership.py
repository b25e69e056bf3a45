"""Sessions coming to an end or out of a room, with the conversation server told."""

from callrec.clock import monotonic_ns
from callrec.signaling import frames
from callrec.signaling.backend import BackendCalls
from callrec.signaling.frames import Frame
from callrec.signaling.hub import Hub
from callrec.signaling.room import Room
from callrec.signaling.session import Session


def now_s() -> float:
    """Return seconds of the monotonic clock."""
    return monotonic_ns() / 1e9


class Membership:
    """Changes the hub and tells the conversation server about sessions that are gone."""

    def __init__(self, hub: Hub, calls: BackendCalls) -> None:
        self.hub = hub
        self.calls = calls

    async def leave(self, session: Session) -> None:
        """Take *session* out of its room and wait until the conversation server knows.

        Waiting keeps the order when the same conversation session joins again.
        """
        room, conversation_session = session.room, session.conversation_session
        self.hub.leave(session, now_s())
        if room is not None and conversation_session:
            await self.calls.leave_room(room.token, session.user, conversation_session)

    def put_out(self, session: Session) -> None:
        """Take *session* out of its room and tell it so; its socket stays."""
        room, conversation_session = session.room, session.conversation_session
        if room is None:
            return
        self.hub.leave(session, now_s())
        session.outbox.put(frames.room(""))
        if conversation_session:
            self.calls.leave_room_soon(room.token, session.user, conversation_session)

    def dissolve(self, room: Room) -> list[Session]:
        """Take everybody out of a room that the conversation server has deleted; return who it was."""
        return self.hub.dissolve(room, now_s())

    def end(self, session: Session, last: Frame | None = None, *, replaced: bool = False) -> None:
        """End *session* for good, with *last* as its last message.

        *replaced*: the conversation session lives on with another socket.
        """
        room, conversation_session = session.room, session.conversation_session
        self.hub.close(session, now_s(), replaced=replaced)
        if last is not None:
            session.outbox.finish(last)
        if room is not None and conversation_session and not replaced:
            self.calls.leave_room_soon(room.token, session.user, conversation_session)
