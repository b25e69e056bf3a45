"""The pictures that answers name."""

from xml.etree import ElementTree

import pytest

from callrec.conversation.pictures import notification_icon, room_picture
from callrec.wire.constants import RoomType

from .conftest import API1, API4, World


@pytest.mark.parametrize("kind", RoomType)
def test_a_room_has_its_picture(kind: RoomType) -> None:
    picture = room_picture("abcd1234", kind)
    assert ElementTree.fromstring(picture).get("viewBox") == "0 0 64 64"
    assert picture == room_picture("abcd1234", kind)
    assert picture != room_picture("abcd1234", kind, dark=True)
    assert len({room_picture(f"token{number}", kind) for number in range(99)}) > 4


def test_the_icon() -> None:
    assert ElementTree.fromstring(notification_icon("#000")).get("width") == "16"


async def test_what_notifications_name_is_there(world: World) -> None:
    mira, zoe, guest = await world.user("mira"), await world.user("zoe"), await world.client()
    token = await world.room(mira)
    await mira.data("POST", f"{API4}/room/{token}/participants", json={"newParticipant": "zoe"})
    await world.join(mira, token)
    await mira.data("POST", f"{API4}/call/{token}")
    (told,) = await zoe.data("GET", "/ocs/v2.php/apps/notifications/api/v2/notifications")
    here = world.core.config.public_url
    for url in (told["icon"], told["subjectRichParameters"]["call"]["icon-url"]):
        assert url.startswith(here)
        picture = await zoe.http.get(url.removeprefix(here))  # as an image: without a special header
        assert (picture.status_code, picture.headers["Content-Type"]) == (200, "image/svg+xml")
        assert picture.headers["Content-Security-Policy"] == "default-src 'none'"
    avatar = f"{API1}/room/{token}/avatar"
    assert (await mira.http.get(f"{avatar}/dark")).status_code == 200
    assert (await guest.http.get(avatar)).json()["ocs"]["meta"]["statuscode"] == 404
    await mira.data("POST", f"{API4}/room/{token}/public")
    assert (await guest.http.get(avatar)).status_code == 200
