"""Capabilities of the server and of Talk."""

from callrec.conversation.capabilities import capabilities, fingerprint, talk_capabilities, talk_hash
from callrec.conversation.core import Core
from callrec.conversation.ocs.described import keys
from callrec.conversation.ocs.envelope import Answer
from callrec.conversation.ocs.headers import is_unchanged
from callrec.conversation.ocs.router import Access, OcsRequest, OcsRouter
from callrec.conversation.participants import require_participant

router: OcsRouter[Core] = OcsRouter("")


@router.route(
    "GET",
    "/cloud/capabilities",
    access=Access.PUBLIC,
    answers=(200, 304),
    data=keys("version", "capabilities"),
)
async def get_capabilities(core: Core, ocs: OcsRequest) -> Answer:
    """Answer with all capabilities; unchanged ones are 304."""
    async with core.db.read() as session:
        data = await capabilities(core, session, ocs.caller.user_id)
    etag = f'"{fingerprint(data)}"'
    headers = {"ETag": etag, "Cache-Control": "no-cache"}
    if is_unchanged(ocs.http.headers, etag):
        return Answer(None, 304, headers)
    return Answer(data, headers=headers)


@router.route(
    "GET",
    "/apps/spreed/api/v4/room/{token:room_token}/capabilities",
    access=Access.PUBLIC,
    data=keys("features", "config"),
)
async def get_room_capabilities(core: Core, ocs: OcsRequest) -> Answer:
    """Answer with what works in one room."""
    async with core.db.read() as session:
        await require_participant(session, ocs.token, ocs.caller)
        data = await talk_capabilities(core, session, ocs.caller.user_id)
        headers = {"X-Nextcloud-Talk-Hash": await talk_hash(core, session, ocs.caller.user_id)}
        return Answer(data, headers=headers)
