"""App config over the provisioning API."""

import msgspec

from callrec.conversation.app_config import INTERNAL
from callrec.conversation.core import Core
from callrec.conversation.ocs.described import EMPTY, keys
from callrec.conversation.ocs.envelope import Answer
from callrec.conversation.ocs.errors import OcsError, refusal
from callrec.conversation.ocs.router import Access, OcsRequest, OcsRouter

router: OcsRouter[Core] = OcsRouter("/apps/provisioning_api/api/v1/config/apps")

PROTECTED_KEYS = frozenset({"installed_version", "enabled", "types"})
MAX_APP_CHARS = 64
MAX_KEY_CHARS = 255


class Value(msgspec.Struct):
    """The value to set."""

    value: str


class Default(msgspec.Struct):
    """What to answer when nothing is set."""

    defaultValue: str = ""  # noqa: N815 - the parameter's name on the wire


@router.route("POST", "/{app}/{key}", access=Access.ADMIN, reads=Value, data=EMPTY)
async def post_value(core: Core, ocs: OcsRequest) -> Answer:
    """Set a value; it counts at once."""
    app, key = _names(ocs)
    if key in PROTECTED_KEYS:
        raise OcsError(403, [])
    given = await ocs.read(Value)
    async with core.db.write() as tx:
        await core.configuration.set(tx, app, key, given.value)
    return Answer([])


@router.route("GET", "/{app}/{key}", access=Access.ADMIN, reads=Default, data=keys("data"))
async def get_value(core: Core, ocs: OcsRequest) -> Answer:
    """Show the value that counts."""
    app, key = _names(ocs)
    default = await ocs.read(Default)
    async with core.db.read() as session:
        value = await core.configuration.get(session, app, key)
    return Answer({"data": default.defaultValue if value is None else value})


@router.route("DELETE", "/{app}/{key}", access=Access.ADMIN, data=EMPTY)
async def delete_value(core: Core, ocs: OcsRequest) -> Answer:
    """Go back to the built-in value."""
    app, key = _names(ocs)
    if key in PROTECTED_KEYS:
        raise OcsError(403, [])
    async with core.db.write() as tx:
        await core.configuration.unset(tx, app, key)
    return Answer([])


def _names(ocs: OcsRequest) -> tuple[str, str]:
    app, key = ocs.path("app"), ocs.path("key")
    if app == INTERNAL:
        raise OcsError(403, [])
    if len(app) > MAX_APP_CHARS:
        raise refusal("app")
    if len(key) > MAX_KEY_CHARS:
        raise refusal("key")
    return app, key
