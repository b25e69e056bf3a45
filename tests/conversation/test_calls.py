"""Calls over real HTTP: joining, flags, leaving, ending, and what is told about it."""

from pathlib import Path
from typing import Any

from callrec.conversation.calls import allowed_flags, duration_text
from callrec.wire.constants import MEMBER_PERMISSIONS, Permission
from tests.waiting import eventually

from .conftest import API1, API4, Client, World, config_for, serving
from .storage import Storage


async def messages(client: Client, token: str) -> list[str]:
    """Return the keys of the room's system messages, newest first."""
    history = await client.data("GET", f"{API1}/chat/{token}", params={"lookIntoFuture": 0})
    return [message["systemMessage"] for message in history]


async def room_of(client: Client, token: str) -> dict[str, Any]:
    room: dict[str, Any] = await client.data("GET", f"{API4}/room/{token}")
    return room


async def test_a_call_of_two(world: World) -> None:
    mira, ole = await world.user("mira", "Mira M."), await world.client()
    token = await world.room(mira, kind=3)
    mira_session = (await world.join(mira, token))["sessionId"]
    ole_session = (await world.join(ole, token))["sessionId"]
    world.pushes.take()

    await mira.data("POST", f"{API4}/call/{token}", data={"flags": "7"})
    chat, incall = world.pushes.take()
    assert chat["message"]["data"] == {"type": "chat", "chat": {"refresh": True}}
    assert list(incall["incall"]) == ["incall", "changed", "users"]
    assert incall["incall"]["incall"] == 7
    (entry,) = incall["incall"]["changed"]
    assert list(entry) == [
        "inCall",
        "lastPing",
        "sessionId",
        "nextcloudSessionId",
        "participantType",
        "participantPermissions",
        "actorType",
        "actorId",
        "userId",
    ]
    assert (entry["sessionId"], entry["userId"]) == (mira_session, "mira")

    await ole.data("POST", f"{API4}/call/{token}", json={"flags": 3})
    incall = world.pushes.take()[-1]
    assert [user["sessionId"] for user in incall["incall"]["users"]] == [mira_session, ole_session]
    assert "userId" not in incall["incall"]["users"][1]
    room = await room_of(mira, token)
    assert (room["hasCall"], room["callFlag"], room["participantFlags"]) == (True, 7, 7)
    peers = await ole.data("GET", f"{API4}/call/{token}")
    assert [peer["displayName"] for peer in peers] == ["Mira M.", ""]

    await mira.data("PUT", f"{API4}/call/{token}", data={"flags": 1})
    assert world.pushes.take_kinds() == ["incall"]

    await mira.data("DELETE", f"{API4}/call/{token}")
    assert world.pushes.take_kinds() == ["chat", "incall"]
    await ole.data("DELETE", f"{API4}/call/{token}")
    assert world.pushes.take_kinds() == ["chat", "incall", "chat"]
    room = await room_of(mira, token)
    assert (room["hasCall"], room["callFlag"], room["callStartTime"]) == (False, 0, 0)
    assert (await messages(mira, token))[:5] == [
        "call_ended",
        "call_left",
        "call_left",
        "call_joined",
        "call_started",
    ]
    history = await mira.data("GET", f"{API1}/chat/{token}", params={"lookIntoFuture": 0})
    assert history[0]["message"].startswith("Call with {user1} and {user2} ended (duration 0:0")
    assert history[0]["messageParameters"]["user2"]["name"] == "Guest"
    assert history[4]["message"] == "You started a call"


async def test_joining_again_only_changes_flags(world: World) -> None:
    mira = await world.user("mira")
    token = await world.room(mira)
    await world.join(mira, token)
    await mira.data("POST", f"{API4}/call/{token}", json={"flags": 1})
    world.pushes.take()
    await mira.data("POST", f"{API4}/call/{token}", json={"flags": 3})
    assert world.pushes.take_kinds() == ["incall"]


async def test_a_moderator_ends_the_call_for_everyone(world: World) -> None:
    mira, guest = await world.user("mira"), await world.client()
    token = await world.room(mira, kind=3)
    for client in (mira, guest):
        await world.join(client, token)
        await client.data("POST", f"{API4}/call/{token}")
    world.pushes.take()
    await guest.data("DELETE", f"{API4}/call/{token}", params={"all": "true"})
    assert world.pushes.take_kinds() == ["chat", "incall"]  # a guest only leaves
    await guest.data("POST", f"{API4}/call/{token}")
    world.pushes.take()
    await mira.data("DELETE", f"{API4}/call/{token}", data={"all": "true"})
    chat, incall = world.pushes.take()
    assert chat["type"] == "message"
    assert incall["incall"] == {"incall": 0, "all": True}
    assert (await messages(mira, token))[0] == "call_ended_everyone"
    assert not (await room_of(mira, token))["hasCall"]
    await mira.data("DELETE", f"{API4}/call/{token}", data={"all": "true"})
    assert world.pushes.take_kinds() == []


async def test_refusals(world: World) -> None:
    mira, stranger = await world.user("mira"), await world.user("ole")
    token = await world.room(mira)
    assert await mira.data("POST", f"{API4}/call/{token}", status=404) is None  # has not joined the room
    assert await stranger.data("POST", f"{API4}/call/{token}", status=404) == []
    await world.join(mira, token)
    await mira.data("PUT", f"{API4}/call/{token}", json={"flags": 3}, status=400)
    await mira.data("POST", f"{API4}/call/{token}")
    await mira.data("PUT", f"{API4}/call/{token}", json={"flags": 2}, status=400)
    assert await mira.data("PUT", f"{API4}/call/{token}", status=400) == {"error": "flags"}


async def test_leaving_the_room_leaves_the_call(world: World) -> None:
    mira = await world.user("mira")
    token = await world.room(mira)
    await world.join(mira, token)
    await mira.data("POST", f"{API4}/call/{token}")
    await mira.data("DELETE", f"{API4}/room/{token}/participants/active")
    assert (await messages(mira, token))[:2] == ["call_ended", "call_left"]
    assert (await room_of(mira, token))["sessionId"] == "0"


async def test_a_session_without_a_sign_of_life_ends_its_call(storage: Storage, web: Path) -> None:
    storage.prepare()
    config = config_for(storage.data, web, session_timeout_s=2, **storage.settings)  # joining takes less
    async with serving(config) as world:
        mira = await world.user("mira")
        token = await world.room(mira)
        await world.join(mira, token)
        await mira.data("POST", f"{API4}/call/{token}")

        async def ended() -> bool:
            return not (await room_of(mira, token))["hasCall"]

        await eventually(ended)
        assert (await messages(mira, token))[:2] == ["call_ended", "call_left"]


async def test_an_unreachable_signaling_server_fails_no_request(world: World) -> None:
    mira = await world.user("mira")
    token = await world.room(mira)
    await world.join(mira, token)
    world.pushes.take()
    world.pushes.failing = True
    await mira.data("POST", f"{API4}/call/{token}")
    world.pushes.failing = False
    await mira.data("DELETE", f"{API4}/call/{token}")
    assert world.pushes.take_kinds() == ["chat", "incall", "chat"]


def test_flags_that_are_allowed() -> None:
    assert allowed_flags(7, MEMBER_PERMISSIONS) == 7
    assert allowed_flags(1 | 1 << 20, MEMBER_PERMISSIONS) == 1
    assert allowed_flags(7, Permission.PUBLISH_AUDIO) == 3
    assert allowed_flags(7, Permission.PUBLISH_VIDEO) == 5


def test_durations() -> None:
    assert [duration_text(s) for s in (0, 7, 750, 3723)] == ["0:00", "0:07", "12:30", "1:02:03"]
