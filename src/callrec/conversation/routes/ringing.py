"""Ringing: calling one person to the call, and what a ringing client asks."""

from callrec.conversation import ringing
from callrec.conversation.core import Core
from callrec.conversation.ocs.described import NOTHING
from callrec.conversation.ocs.envelope import Answer
from callrec.conversation.ocs.router import Access, OcsRequest, OcsRouter
from callrec.conversation.ringing import Ringing

router: OcsRouter[Core] = OcsRouter("/apps/spreed/api/v4/call/{token:room_token}")


@router.route(
    "POST",
    "/ring/{attendee_id:int}",
    access=Access.PUBLIC,
    refuses={400: ("in-call", "lobby"), 403: ()},
    data=NOTHING,
)
async def ring(core: Core, ocs: OcsRequest) -> Answer:
    """Call one user of the room to the running call, also to a silent one."""
    async with core.db.write() as tx:
        await ringing.ring(core, tx, ocs.token, ocs.caller, int(ocs.path("attendee_id")))
    return Answer(None)


@router.route(
    "GET", "/notification-state", access=Access.PUBLIC, answers=(200, 201), data=NOTHING, refuses={403: ()}
)
async def notification_state(core: Core, ocs: OcsRequest) -> Answer:
    """Tell a ringing client: 200 ring on, 201 show it as missed, 404 forget it."""
    async with core.db.read() as session:
        state = await ringing.ringing_of(session, ocs.token, ocs.caller)
    return Answer(None, 200 if state is Ringing.GOES_ON else 201)
