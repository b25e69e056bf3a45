"""Users: the part of the provisioning API that Talk's clients and administrators need."""

import msgspec
from sqlalchemy import delete

from callrec.conversation.core import Core
from callrec.conversation.db.tables_users import AppToken
from callrec.conversation.groups import groups_of
from callrec.conversation.ocs.described import EMPTY, keys
from callrec.conversation.ocs.envelope import Answer
from callrec.conversation.ocs.errors import OcsError
from callrec.conversation.ocs.router import Access, OcsRequest, OcsRouter
from callrec.conversation.passwords import new_token, token_hash
from callrec.conversation.test_mode.testing_app import TESTING, is_enabled
from callrec.conversation.users import (
    change_user,
    create_user,
    delete_user,
    full_view,
    public_view,
    require_user,
)

router: OcsRouter[Core] = OcsRouter("")


class NewUser(msgspec.Struct):
    """Parameters of a new user."""

    userid: str
    password: str
    displayName: str = ""  # noqa: N815 - the parameter's name on the wire
    email: str = ""
    groups: list[str] = []


class Change(msgspec.Struct):
    """One property and its new value."""

    key: str
    value: str


@router.route("POST", "/cloud/users", access=Access.ADMIN, reads=NewUser, data=keys("id"))
async def post_user(core: Core, ocs: OcsRequest) -> Answer:
    """Create a user."""
    new = await ocs.read(NewUser)
    await create_user(
        core, new.userid, new.password, display_name=new.displayName, email=new.email, groups=new.groups
    )
    return Answer({"id": new.userid})


@router.route("GET", "/cloud/users/{user_id}", data=keys("id", "displayname"))
async def get_user(core: Core, ocs: OcsRequest) -> Answer:
    """Show a user; others than himself and administrators see the name only."""
    async with core.db.read() as session:
        user = await require_user(session, ocs.path("user_id"))
        if ocs.caller.is_admin or ocs.caller.user_id == user.id:
            return Answer(full_view(user, await groups_of(session, user.id)))
    return Answer(public_view(user))


@router.route("PUT", "/cloud/users/{user_id}", reads=Change, data=EMPTY, refuses={403: ()})
async def put_user(core: Core, ocs: OcsRequest) -> Answer:
    """Change name, address or password; one's own, or as administrator anybody's."""
    if not ocs.caller.is_admin and ocs.caller.user_id != ocs.path("user_id"):
        raise OcsError(403, [])
    change = await ocs.read(Change)
    await change_user(core, ocs.path("user_id"), change.key, change.value)
    return Answer([])


@router.route("DELETE", "/cloud/users/{user_id}", access=Access.ADMIN, data=EMPTY)
async def remove_user(core: Core, ocs: OcsRequest) -> Answer:
    """Delete a user."""
    await delete_user(core, ocs.path("user_id"))
    return Answer([])


@router.route("GET", "/cloud/user", data=keys("id", "displayname", "groups"))
async def get_self(core: Core, ocs: OcsRequest) -> Answer:
    """Show the caller to himself."""
    async with core.db.read() as session:
        user = await require_user(session, ocs.user_id)
        return Answer(full_view(user, await groups_of(session, user.id)))


@router.route("GET", "/cloud/apps", access=Access.ADMIN, data=keys("apps"))
async def get_apps(core: Core, _ocs: OcsRequest) -> Answer:
    """List the apps that clients look for."""
    apps = ["spreed", "notifications"]
    if core.config.settings.test_mode:
        async with core.db.read() as session:
            if await is_enabled(core.configuration, session):
                apps.append(TESTING)
    return Answer({"apps": apps})


@router.route("GET", "/core/getapppassword", data=keys("apppassword"), refuses={403: ()})
async def get_app_password(core: Core, ocs: OcsRequest) -> Answer:
    """Give the client a token that stands for the password."""
    if ocs.caller.app_token_id is not None:
        raise OcsError(403, [], message="You cannot request a new app password with an app password")
    token = new_token()
    async with core.db.write() as tx:
        tx.add(AppToken(user_id=ocs.user_id, token_hash=token_hash(token)))
    return Answer({"apppassword": token})


@router.route("DELETE", "/core/apppassword", data=EMPTY, refuses={403: ()})
async def delete_app_password(core: Core, ocs: OcsRequest) -> Answer:
    """Revoke the app password that this request uses."""
    if ocs.caller.app_token_id is None:
        raise OcsError(403, [], message="No app password in use")
    async with core.db.write() as tx:
        await tx.execute(delete(AppToken).where(AppToken.id == ocs.caller.app_token_id))
    return Answer([])
