"""Acceptance scenarios 23 and 24: people agree to be recorded before they join a call."""

import json

from .steps import P1, console, create_room, join_call, join_room, leave_call, room_list
from .world import API4, World


async def set_consent(world: World, room: str, value: int, status: int = 200, error: str = "") -> None:
    path = f"{API4}/room/{world.rooms[room]}/recording-consent"
    data = await world.data(P1, "PUT", path, {"recordingConsent": value}, status=status)
    if error:
        assert data == {"error": error}


async def shown_consent(world: World, room: str) -> int:
    """Return ``recordingConsent`` from the room list, which holds this room alone."""
    (only,) = await room_list(world, P1)
    assert only["token"] == world.rooms[room]
    value: int = only["recordingConsent"]
    return value


async def consent_log(world: World, *arguments: str) -> list[tuple[str, str, str]]:
    """Return the log of who agreed, as the console shows it."""
    shown = json.loads(await console(world, "talk:recording:consent", "--output", "json", *arguments))
    return [(entry["token"], entry["actorType"], entry["actorId"]) for entry in shown]


async def test_23_the_server_requires_it(mocked: World) -> None:
    await mocked.set_config("recording_consent", "1")
    await mocked.add_user(P1)
    await create_room(mocked, P1, "room1")
    await join_room(mocked, P1, "room1")
    await join_call(mocked, P1, "room1", 400)
    await join_call(mocked, P1, "room1", 400, recordingConsent=0)
    await join_call(mocked, P1, "room1", 200, recordingConsent=1)


async def test_24_moderators_decide(mocked: World) -> None:
    await mocked.set_config("recording_consent", "2")
    await mocked.add_user(P1)
    await create_room(mocked, P1, "room1")
    await join_room(mocked, P1, "room1")

    await join_call(mocked, P1, "room1")
    await set_consent(mocked, "room1", 1, 400, "call")
    assert await shown_consent(mocked, "room1") == 0
    await leave_call(mocked, P1, "room1")
    await set_consent(mocked, "room1", 1)
    assert await shown_consent(mocked, "room1") == 1

    await join_call(mocked, P1, "room1", 400)
    await join_call(mocked, P1, "room1", 200, recordingConsent=1)
    await set_consent(mocked, "room1", 0)
    assert await shown_consent(mocked, "room1") == 0
    await leave_call(mocked, P1, "room1")
    await set_consent(mocked, "room1", 2, 400, "value")
    assert await shown_consent(mocked, "room1") == 0

    logged = [(mocked.rooms["room1"], "users", P1)]
    assert await consent_log(mocked, "--token", mocked.rooms["room1"]) == logged
    assert await consent_log(mocked, "--actor-type", "users", "--actor-id", P1) == logged
