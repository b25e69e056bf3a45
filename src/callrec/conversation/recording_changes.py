"""Applying an event to a room's recording: status, system message and signaling in one transaction."""

from callrec.conversation.chat import NOBODY, Chat
from callrec.conversation.db.engine import WriteSession
from callrec.conversation.db.tables_outbox import RECORDER
from callrec.conversation.db.tables_rooms import Room
from callrec.conversation.outbound.outbox import forget
from callrec.conversation.participants import ActorRef
from callrec.conversation.recording_state import OFF, Event, transition
from callrec.conversation.signaling_push import RoomSignals


class RecordingChanges:
    """Changes rooms as the table of states says."""

    def __init__(self, chat: Chat, signals: RoomSignals) -> None:
        self._chat = chat
        self._signals = signals

    async def apply(self, tx: WriteSession, room: Room, event: Event, actor: ActorRef | None = None) -> bool:
        """Apply *event* to *room*, which was read in *tx*; False where it is not allowed.

        The system message, if any, names *actor*, or nobody.
        """
        change = transition(event, room.call_recording)
        if change is None:
            return False
        room.call_recording = change.to
        if change.to is OFF:
            # The recorder has ended by itself what a queued stop was for.
            await forget(tx, room.token, RECORDER)
        if change.message:
            await self._chat.system(tx, room, actor or NOBODY, change.message)
        if change.signalled:
            await self._signals.recording_status(tx, room)
        return True
