"""What a user keeps about a room for himself: favourite, archived …, and what he wants to hear of it."""

import msgspec

from callrec.conversation import guards
from callrec.conversation.core import Core
from callrec.conversation.ocs.described import ROOM
from callrec.conversation.ocs.envelope import Answer
from callrec.conversation.ocs.errors import refusal
from callrec.conversation.ocs.router import Handler, OcsRequest, OcsRouter
from callrec.conversation.participants import require_participant
from callrec.conversation.room_view import room_view

router: OcsRouter[Core] = OcsRouter("/apps/spreed/api/v4/room/{token:room_token}")

MARKS = {
    "favorite": "is_favorite",
    "archive": "is_archived",
    "important": "is_important",
    "sensitive": "is_sensitive",
}
"""Path → column of the attendee."""


class Level(msgspec.Struct):
    """How much."""

    level: int


async def _set(core: Core, ocs: OcsRequest, column: str, value: int) -> Answer:
    async with core.db.write() as tx:
        me = await require_participant(tx, ocs.token, ocs.caller)
        setattr(me.attendee, column, value)
        await tx.flush()
        return Answer(await room_view(core, tx, me, ocs.caller))


def _marking(column: str, *, value: bool) -> Handler[Core]:
    async def mark(core: Core, ocs: OcsRequest) -> Answer:
        return await _set(core, ocs, column, value)

    mark.__name__ = f"{'set' if value else 'unset'}_{column}"
    mark.__doc__ = f"{'Set' if value else 'Clear'} what the caller has marked the room as."
    return mark


for _path, _column in MARKS.items():
    router.route("POST", f"/{_path}", data=ROOM)(_marking(_column, value=True))
    router.route("DELETE", f"/{_path}", data=ROOM)(_marking(_column, value=False))


@router.route("POST", "/notify", guard=guards.participant, reads=Level, refuses={400: ("level",)}, data=ROOM)
async def set_notification_level(core: Core, ocs: OcsRequest) -> Answer:
    """Say what the caller wants to hear: 1 everything, 2 mentions, 3 nothing; 0 the usual."""
    level = (await ocs.read(Level)).level
    if level not in (0, 1, 2, 3):
        raise refusal("level")
    return await _set(core, ocs, "notification_level", level)


@router.route(
    "POST", "/notify-calls", guard=guards.participant, reads=Level, refuses={400: ("level",)}, data=ROOM
)
async def set_call_notifications(core: Core, ocs: OcsRequest) -> Answer:
    """Say whether the caller wants to hear of calls: 1 or 0."""
    level = (await ocs.read(Level)).level
    if level not in (0, 1):
        raise refusal("level")
    return await _set(core, ocs, "notification_calls", level)
