"""The log of who agreed to be recorded, for administrators (docs/wire.md, Consent)."""

import msgspec

from callrec.conversation.consent import consent_view, find_consents
from callrec.conversation.core import Core
from callrec.conversation.ocs.described import OBJECTS
from callrec.conversation.ocs.envelope import Answer
from callrec.conversation.ocs.errors import refusal
from callrec.conversation.ocs.router import Access, OcsRequest, OcsRouter
from callrec.conversation.participants import find_room

router: OcsRouter[Core] = OcsRouter("/apps/callrec/api/v1")


class Which(msgspec.Struct, rename="camel"):
    """Those given in a room, or by a person, or by a person in a room."""

    token: str = ""
    actor_type: str = ""
    actor_id: str = ""


@router.route(
    "GET",
    "/consents",
    access=Access.ADMIN,
    reads=Which,
    refuses={400: ("token", "actorType", "actorId"), 404: ("token",)},
    data=OBJECTS,
)
async def list_consents(core: Core, ocs: OcsRequest) -> Answer:
    """List consents, oldest first."""
    which = await ocs.read(Which)
    if bool(which.actor_type) != bool(which.actor_id):
        raise refusal("actorId" if which.actor_type else "actorType")
    if not which.token and not which.actor_id:
        raise refusal("token")
    actor = (which.actor_type, which.actor_id) if which.actor_id else None
    async with core.db.read() as session:
        room = await find_room(session, which.token) if which.token else None
        if which.token and room is None:
            raise refusal("token", 404)
        return Answer([consent_view(each) for each in await find_consents(session, room, actor)])
