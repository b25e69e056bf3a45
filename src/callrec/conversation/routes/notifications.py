"""The notifications API, version 2 (docs/wire.md, Notifications)."""

import hashlib
from collections.abc import Sequence

import msgspec

from callrec.conversation import notifications
from callrec.conversation.core import Core
from callrec.conversation.notifications import Told
from callrec.conversation.ocs.described import EMPTY, LIST, OBJECTS, keys
from callrec.conversation.ocs.envelope import Answer
from callrec.conversation.ocs.errors import OcsError, refusal
from callrec.conversation.ocs.headers import is_unchanged
from callrec.conversation.ocs.parameters import as_int
from callrec.conversation.ocs.router import OcsRequest, OcsRouter
from callrec.conversation.one_to_one import shown_names

router: OcsRouter[Core] = OcsRouter("/apps/notifications/api/v2")

MAX_IDS = 200


class Ids(msgspec.Struct):
    """Ids of notifications that a client knows."""

    ids: list[int | str]


@router.route("GET", "/notifications", answers=(200, 304), data=OBJECTS)
async def list_all(core: Core, ocs: OcsRequest) -> Answer:
    """Return the caller's notifications, newest first."""
    views = await _rendered(core, await _listed(core, ocs.user_id), ocs.user_id)
    # With the subject, because a call that has ended is shown as missed.
    shown = "\n".join(f"{view['notification_id']} {view['subject']}" for view in views)
    headers = {
        "ETag": f'"{hashlib.sha256(shown.encode()).hexdigest()[:32]}"',
        "X-Nextcloud-User-Status": "online",
    }
    if is_unchanged(ocs.http.headers, headers["ETag"]):
        return Answer(status=304, headers=headers)
    return Answer(views, headers=headers)


@router.route("GET", "/notifications/{id:int}", data=keys("notification_id"))
async def get_one(core: Core, ocs: OcsRequest) -> Answer:
    """Return one notification of the caller."""
    wanted = int(ocs.path("id"))
    for told in await _listed(core, ocs.user_id):
        if told.notification.id == wanted:
            return Answer((await _rendered(core, [told], ocs.user_id))[0])
    raise OcsError(404)


@router.route("POST", "/notifications/exists", reads=Ids, data=LIST)
async def which_exist(core: Core, ocs: OcsRequest) -> Answer:
    """Return those of some ids that are still notifications of the caller."""
    ids = (await ocs.read(Ids)).ids
    if len(ids) > MAX_IDS:
        raise refusal("ids")
    known = {as_int(value) for value in ids}
    async with core.db.read() as session:
        return Answer(await notifications.existing(session, ocs.user_id, known))


@router.route("DELETE", "/notifications/{id:int}", data=EMPTY)
async def delete_one(core: Core, ocs: OcsRequest) -> Answer:
    """Delete one notification of the caller; an unknown one is fine."""
    notification_id = int(ocs.path("id"))
    if notification_id == 0:
        raise OcsError(404)
    async with core.db.write() as tx:
        await notifications.delete_one(tx, ocs.user_id, notification_id)
    return Answer([])


@router.route("DELETE", "/notifications", data=EMPTY)
async def delete_all(core: Core, ocs: OcsRequest) -> Answer:
    """Delete all notifications of the caller."""
    async with core.db.write() as tx:
        await notifications.delete_all(tx, ocs.user_id)
    return Answer([])


async def _listed(core: Core, user_id: str) -> list[Told]:
    async with core.db.read() as session:
        if not await notifications.has_of_left_rooms(session, user_id):
            return await notifications.listed(session, user_id)
    async with core.db.write() as tx:
        await notifications.forget_left_rooms(tx, user_id)
        return await notifications.listed(tx, user_id)


async def _rendered(core: Core, rows: Sequence[Told], user_id: str) -> list[dict[str, object]]:
    async with core.db.read() as session:
        names = await shown_names(session, [told.room for told in rows], user_id)
    url = core.config.public_url
    return [
        notifications.render(told, room_name=names.get(told.room.id, told.room.name), public_url=url)
        for told in rows
    ]
