"""Groups of users: the part of the provisioning API that administrators need to invite many at once."""

import msgspec

from callrec.conversation import groups
from callrec.conversation.core import Core
from callrec.conversation.ocs.described import EMPTY, keys
from callrec.conversation.ocs.envelope import Answer
from callrec.conversation.ocs.errors import OcsError
from callrec.conversation.ocs.router import Access, OcsRequest, OcsRouter
from callrec.conversation.users import require_user

router: OcsRouter[Core] = OcsRouter("/cloud")


class GroupId(msgspec.Struct):
    """Which group."""

    groupid: str


class Search(msgspec.Struct):
    """What ids have in them."""

    search: str = ""


@router.route("GET", "/groups", access=Access.ADMIN, reads=Search, data=keys("groups"))
async def list_groups(core: Core, ocs: OcsRequest) -> Answer:
    """List the groups."""
    search = (await ocs.read(Search)).search
    async with core.db.read() as session:
        return Answer({"groups": await groups.all_groups(session, search)})


@router.route("POST", "/groups", access=Access.ADMIN, reads=GroupId, refuses={400: ("groupid",)}, data=EMPTY)
async def post_group(core: Core, ocs: OcsRequest) -> Answer:
    """Create a group."""
    group_id = (await ocs.read(GroupId)).groupid
    async with core.db.write() as tx:
        await groups.create_group(tx, group_id)
    return Answer([])


@router.route("DELETE", "/groups/{group_id}", access=Access.ADMIN, data=EMPTY)
async def remove_group(core: Core, ocs: OcsRequest) -> Answer:
    """Delete a group, not its members."""
    async with core.db.write() as tx:
        await groups.delete_group(tx, ocs.path("group_id"))
    return Answer([])


@router.route("GET", "/users/{user_id}/groups", data=keys("groups"), refuses={403: ()})
async def list_groups_of_user(core: Core, ocs: OcsRequest) -> Answer:
    """List a user's groups, for himself and administrators."""
    if not ocs.caller.is_admin and ocs.caller.user_id != ocs.path("user_id"):
        raise OcsError(403, [])
    async with core.db.read() as session:
        user = await require_user(session, ocs.path("user_id"))
        return Answer({"groups": await groups.groups_of(session, user.id)})


@router.route("POST", "/users/{user_id}/groups", access=Access.ADMIN, reads=GroupId, data=EMPTY)
async def add_to_group(core: Core, ocs: OcsRequest) -> Answer:
    """Put a user into a group."""
    group_id = (await ocs.read(GroupId)).groupid
    async with core.db.write() as tx:
        user = await require_user(tx, ocs.path("user_id"))
        await groups.add_member(tx, group_id, user.id)
    return Answer([])


@router.route("DELETE", "/users/{user_id}/groups", access=Access.ADMIN, reads=GroupId, data=EMPTY)
async def remove_from_group(core: Core, ocs: OcsRequest) -> Answer:
    """Take a user out of a group."""
    group_id = (await ocs.read(GroupId)).groupid
    async with core.db.write() as tx:
        user = await require_user(tx, ocs.path("user_id"))
        await groups.remove_member(tx, group_id, user.id)
    return Answer([])
