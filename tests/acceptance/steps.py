"""The steps of the acceptance scenarios: what people and the recorder do, and what is seen then."""

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import httpx
from typer.testing import CliRunner

from callrec.app import secrets_file
from callrec.cli.commands import app
from callrec.wire.checksum import signed_headers

from .world import API1, API4, OCS, RECORDING_SECRET, World

VIDEO, AUDIO = 1, 2
OFF, RECORDING_VIDEO, RECORDING_AUDIO, STARTING_VIDEO, STARTING_AUDIO, FAILED = range(6)
STOP = b'{"type":"stop","stop":[]}'
P1 = "participant1"
P2 = "participant2"
NOBODY = ("guests", "failed-to-get-session", "")


async def create_room(world: World, person: str, room: str, kind: int = 2) -> str:
    """Create a room and return its token."""
    fields = {"roomType": kind, "roomName": room}
    world.rooms[room] = (await world.data(person, "POST", f"{API4}/room", fields, status=201))["token"]
    return world.rooms[room]


async def add_participant(world: World, person: str, other: str, room: str) -> None:
    """Have *person* add *other* to a room."""
    path = f"{API4}/room/{world.rooms[room]}/participants"
    await world.send(person, "POST", path, {"newParticipant": other, "source": "users"})


async def join_room(world: World, person: str | None, room: str) -> None:
    await world.send(person, "POST", f"{API4}/room/{world.rooms[room]}/participants/active")


async def leave_room(world: World, person: str | None, room: str) -> None:
    await world.send(person, "DELETE", f"{API4}/room/{world.rooms[room]}/participants/active")


async def join_call(world: World, person: str | None, room: str, status: int = 200, **fields: Any) -> None:
    await world.send(person, "POST", f"{API4}/call/{world.rooms[room]}", fields or None, status=status)


async def leave_call(world: World, person: str | None, room: str) -> None:
    await world.send(person, "DELETE", f"{API4}/call/{world.rooms[room]}")


async def end_call(world: World, person: str, room: str) -> None:
    """End the call for everyone."""
    await world.send(person, "DELETE", f"{API4}/call/{world.rooms[room]}", {"all": "true"})


async def room_in_call(world: World, person: str, room: str) -> None:
    """The beginning of most scenarios: a user creates a room, joins it, and joins the call in it."""
    await world.add_user(person)
    await create_room(world, person, room)
    await join_room(world, person, room)
    await join_call(world, person, room)
    world.recorder.take()
    world.signaling.take()


async def start_recording(
    world: World, person: str | None, room: str, kind: int, status: int = 200, error: str | None = None
) -> None:
    """Start a recording; *error* is the word in a refusal."""
    path = f"{API1}/recording/{world.rooms[room]}"
    data = await world.data(person, "POST", path, {"status": kind}, status=status)
    if status == 200:
        assert data is None
    if error:
        assert data == {"error": error}


async def stop_recording(world: World, person: str | None, room: str, status: int = 200) -> None:
    await world.send(person, "DELETE", f"{API1}/recording/{world.rooms[room]}", status=status)


async def room_list(world: World, person: str) -> list[dict[str, Any]]:
    """Return the person's rooms as the scenarios compare them, by name."""
    rooms = await world.data(person, "GET", f"{API4}/room")
    return [room for room in rooms if room["type"] not in (4, 6) and room["objectType"] != "sample"]


async def recording_status(world: World, person: str, room: str) -> int:
    """Return ``callRecording`` from the person's room list, which holds this room alone."""
    (only,) = await room_list(world, person)
    assert (only["token"], only["type"], only["name"]) == (world.rooms[room], 2, room)
    status: int = only["callRecording"]
    return status


async def messages(world: World, person: str, room: str) -> list[dict[str, Any]]:
    """Return all messages of a room, newest first."""
    path = f"{API1}/chat/{world.rooms[room]}"
    found: list[dict[str, Any]] = await world.data(person, "GET", path, params={"lookIntoFuture": 0})
    return found


async def system_messages(world: World, person: str, room: str) -> list[tuple[str, str, str, str]]:
    """Return key, actor type, actor id and actor name of each system message, newest first."""
    return [
        (m["systemMessage"], m["actorType"], m["actorId"], m["actorDisplayName"])
        for m in await messages(world, person, room)
        if m["systemMessage"]
    ]


def by(person: str, *keys: str) -> list[tuple[str, str, str, str]]:
    """Return system messages as ``system_messages`` would, all of one user."""
    return [(key, "users", person, f"{person}-displayname") for key in keys]


def start_body(kind: int, person: str) -> bytes:
    """Return what the recording server is sent at a start."""
    text = '{"type":"start","start":{"status":%d,"owner":"%s","actor":{"type":"users","id":"%s"}}}'
    return (text % (kind, person, person)).encode()


def stop_body(person: str) -> bytes:
    """Return what the recording server is sent when somebody stops a recording."""
    return b'{"type":"stop","stop":{"actor":{"type":"users","id":"%s"}}}' % person.encode()


async def recorder_reports(
    world: World, kind: str, content: Mapping[str, Any], status: int = 200, secret: str = RECORDING_SECRET
) -> httpx.Response:
    """Send a report as the recording server of Talk's tests forwards it."""
    body = json.dumps({"type": kind, kind: content}).encode()
    return await recorder_sends(world, body, signed_headers(secret, body), status)


async def recorder_sends(
    world: World, body: bytes, headers: Mapping[str, str], status: int = 200
) -> httpx.Response:
    """Send *body* to the endpoint of the reports: without login, and JSON or not said to be a form."""
    headers = {"Content-Type": "application/x-www-form-urlencoded", **headers}
    client = await world.client(None)
    answer = await client.post(f"{API1}/recording/backend", content=body, headers=headers)
    assert answer.status_code == status, answer.text
    return answer


def actor(person: str) -> dict[str, str]:
    """Return a user as the recorder names him in a report."""
    return {"type": "users", "id": person}


async def recording_started(world: World, room: str, kind: int, person: str, status: int = 200) -> None:
    content = {"token": world.rooms[room], "status": kind, "actor": actor(person)}
    await recorder_reports(world, "started", content, status)


async def recording_stopped(world: World, room: str, person: str | None = None) -> None:
    content = {"token": world.rooms[room], **({"actor": actor(person)} if person else {})}
    await recorder_reports(world, "stopped", content)


async def recording_failed(world: World, room: str) -> None:
    await recorder_reports(world, "failed", {"token": world.rooms[room]})


CHAT_REFRESH = b'{"type":"message","message":{"data":{"type":"chat","chat":{"refresh":true}}}}'


def told_status(status: int) -> bytes:
    """Return the room message that tells the status of a recording."""
    return b'{"type":"message","message":{"data":{"type":"recording","recording":{"status":%d}}}}' % status


async def told_update(world: World, person: str, room: str) -> bytes:
    """Return the room update of a private room with one user, as it has to be now."""
    room_now = await world.data(person, "GET", f"{API4}/room/{world.rooms[room]}")
    since = "null"
    if room_now["hasCall"]:
        date = datetime.fromtimestamp(room_now["callStartTime"], UTC)
        since = f'{{"date":"{date:%Y-%m-%d %H:%M:%S}.000000","timezone_type":3,"timezone":"UTC"}}'
    return (
        f'{{"type":"update","update":{{"userids":["{person}"],"properties":{{"name":"Private conversation",'
        f'"type":2,"lobby-state":0,"lobby-timer":null,"read-only":0,"listable":0,"active-since":{since},'
        '"sip-enabled":0,"description":""}}}'
    ).encode()


async def notifications(world: World, person: str) -> list[dict[str, Any]]:
    """Return the notifications of Talk, newest first."""
    found = await world.data(person, "GET", f"{OCS}/apps/notifications/api/v2/notifications")
    return [notification for notification in found if notification["app"] == "spreed"]


async def console(world: World, *arguments: str) -> str:
    """Run a console command as Talk's tests do, beside the server, and return what it prints.

    In a thread: as a process of its own (tests/app/test_console_command) each would take seconds to begin.
    """
    secrets_file.load_or_create(world.storage.data)  # there is none where no `callrec serve` has run
    settings = {**world.storage.settings, "test_mode": "true"}
    environment = {f"CALLREC_CONVERSATION__{name.upper()}": value for name, value in settings.items()}
    command = ["console", "--data", str(world.storage.data), *arguments, "--no-ansi"]
    result = await asyncio.to_thread(CliRunner().invoke, app, command, env=environment)
    assert (result.stderr, result.exit_code) == ("", 0), (result.output, result.exception)
    return result.stdout
