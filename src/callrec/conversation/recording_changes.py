"""Applying an event to a room's recording: status, system message and signaling in one transaction."""

from sqlalchemy import update
from sqlalchemy.orm.attributes import set_committed_value

from callrec.conversation.chat import NOBODY, Chat
from callrec.conversation.db.engine import WriteSession
from callrec.conversation.db.tables_outbox import RECORDER
from callrec.conversation.db.tables_rooms import Room
from callrec.conversation.outbound.outbox import forget
from callrec.conversation.participants import ActorRef
from callrec.conversation.recording_state import OFF, Event, transition
from callrec.conversation.signaling_push import RoomSignals


async def compare_and_set(tx: WriteSession, room: Room, to: int) -> bool:
    """Change the status of *room* from what was read to *to*; False when it is another one meanwhile."""
    changed = await tx.scalar(
        update(Room)
        .where(Room.id == room.id, Room.call_recording == room.call_recording)
        .values(call_recording=to)
        .returning(Room.id)
        .execution_options(synchronize_session=False)
    )
    if changed is not None:
        set_committed_value(room, "call_recording", to)
    return changed is not None


class RecordingChanges:
    """Changes rooms as the table of states says."""

    def __init__(self, chat: Chat, signals: RoomSignals) -> None:
        self._chat = chat
        self._signals = signals

    async def apply(self, tx: WriteSession, room: Room, event: Event, actor: ActorRef | None = None) -> bool:
        """Apply *event* to *room*; False where it is not allowed.

        The system message, if any, names *actor*, or nobody.
        """
        while (change := transition(event, room.call_recording)) is not None:
            if await compare_and_set(tx, room, change.to):
                break
            await tx.refresh(room, ["call_recording"])  # another one was faster: what does it do now?
        else:
            return False
        if change.to is OFF:
            # The recorder has ended by itself what a queued stop was for.
            await forget(tx, room.token, RECORDER)
        if change.message:
            await self._chat.system(tx, room, actor or NOBODY, change.message)
        if change.signalled:
            await self._signals.recording_status(tx, room)
        return True
