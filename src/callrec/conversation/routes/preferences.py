"""What users choose for themselves."""

import msgspec

from callrec.conversation.core import Core
from callrec.conversation.ocs.described import NOTHING
from callrec.conversation.ocs.envelope import Answer
from callrec.conversation.ocs.router import OcsRequest, OcsRouter
from callrec.conversation.preferences import set_preference

router: OcsRouter[Core] = OcsRouter("/apps/spreed/api/v1/settings")


class Preference(msgspec.Struct):
    """One choice."""

    key: str
    value: str


@router.route("POST", "/user", reads=Preference, data=NOTHING, refuses={400: ()})
async def post_preference(core: Core, ocs: OcsRequest) -> Answer:
    """Keep one choice of the caller."""
    chosen = await ocs.read(Preference)
    async with core.db.write() as tx:
        await set_preference(tx, ocs.user_id, chosen.key, chosen.value)
    return Answer(None)
