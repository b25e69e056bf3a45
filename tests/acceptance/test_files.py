"""Acceptance scenarios 14 to 20: what becomes of a recording, over HTTP and by the console."""

import json
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from callrec.wire.checksum import RECORDING_CHECKSUM, RECORDING_RANDOM, signed_headers
from tests.conversation.storage import Storage

from .steps import (
    AUDIO,
    OFF,
    P1,
    P2,
    STOP,
    add_participant,
    by,
    console,
    create_room,
    end_call,
    join_room,
    messages,
    notifications,
    recording_started,
    recording_status,
    recording_stopped,
    room_in_call,
    start_recording,
    system_messages,
)
from .world import ADMIN, API1, HEADERS, OCS, RECORDING_SECRET, World, open_world

STORE_SECRET = "the secret"
VORBIS = b"OggS\0\2" + bytes(20) + b"\1\x1e\1vorbis" + bytes(23)
JOB_CLASS = r"OC\TaskProcessing\SynchronousBackgroundJob"
PREFERENCES = ("core", "ai.taskprocessing_provider_preferences")


@pytest.fixture
async def world(storage: Storage) -> AsyncIterator[World]:
    """A server in test mode whose new users get a ``welcome.txt``."""
    async with open_world(storage, test_mode=True, welcome_file=True) as running:
        await running.send(ADMIN, "DELETE", f"{OCS}/apps/spreedcheats/")
        yield running


async def jobs(world: World) -> list[str]:
    listed = await console(world, "background-job:list", "--output=json_pretty", f"--class={JOB_CLASS}")
    return [job["id"] for job in json.loads(listed)]


async def run_jobs(world: World) -> int:
    """Execute jobs until there are none; returns how many passes that took."""
    waiting, passes = await jobs(world), 0
    assert waiting
    while waiting:
        for job in waiting:
            await console(world, "background-job:execute", job)
        waiting, passes = await jobs(world), passes + 1
    return passes


async def use_fake_provider(world: World) -> None:
    apps = (await world.data(ADMIN, "GET", f"{OCS}/cloud/apps", params={"filter": "enabled"}))["apps"]
    assert "testing" in apps
    chosen = json.dumps({"core:text2text:summary": "testing-text2text-summary"})
    await console(world, "config:app:set", *PREFERENCES, "--value", chosen)
    assert json.loads(await console(world, "config:app:get", *PREFERENCES)) == json.loads(chosen)


async def store(
    world: World, room: str, name: str, content: bytes, secret: str = STORE_SECRET, **fields: str
) -> httpx.Response:
    """Upload as the tests do: with the login of whoever acted last, and headers with underscores."""
    token = world.rooms[room]
    signed = signed_headers(secret, token.encode())
    parts: list[Any] = [(key, (None, value)) for key, value in fields.items()]
    parts.append(("file", (name, content)))
    return await world.send(
        P1,
        "POST",
        f"{API1}/recording/{token}/store",
        status=None,
        files=parts,
        headers={
            "TALK_RECORDING_RANDOM": signed[RECORDING_RANDOM],
            "TALK_RECORDING_CHECKSUM": signed[RECORDING_CHECKSUM],
        },
    )


async def stored(
    world: World, name: str, *, transcript: str = "yes", summary: str = "yes", **failing: str
) -> None:
    """Begin scenarios 14 to 18: a recording is stored, and only that is known until the jobs run."""
    await use_fake_provider(world)
    await world.set_config("call_recording_transcription", transcript)
    await world.set_config("call_recording_summary", summary)
    for what, value in failing.items():
        await world.set_config(f"fail-testing-{what}", value, app="testing")
    await world.add_user(P1)
    await create_room(world, P1, "room1")
    await join_room(world, P1, "room1")
    await world.set_config("recording_servers", {"secret": STORE_SECRET})
    answer = await store(world, "room1", name, VORBIS, owner=P1)
    assert answer.status_code == 200, answer.text
    assert await told(world) == [available(world, "Call recording", "recording", name)]
    assert await recording_status(world, P1, "room1") == OFF


Told = tuple[str, str, str, str, str]


async def told(world: World) -> list[Told]:
    """Return app, object type, object id, subject and message of the notifications of the first user."""
    keys = ("app", "object_type", "object_id", "subject", "message")
    found = await notifications(world, P1)
    return [(item[keys[0]], item[keys[1]], item[keys[2]], item[keys[3]], item[keys[4]]) for item in found]


def available(world: World, subject: str, what: str, file: str) -> Told:
    """Return the notification that a file is there."""
    token = world.rooms["room1"]
    text = f"The {what} for the call in room1 was uploaded to /Talk/Recording/{token}/{file}."
    return ("spreed", "recording", token, f"{subject} now available", text)


def failed(world: World, what: str, file: str) -> Told:
    """Return the notification that a text could not be made."""
    token = world.rooms["room1"]
    text = (
        f"The server failed to {what} the recording at /Talk/Recording/{token}/{file} for the call in room1. "
        "Please reach out to the administration."
    )
    return ("spreed", "recording", token, f"Failed to {what} call recording", text)


async def share(world: World, place: int) -> None:
    """Share what the notification at *place* (0 is the newest) speaks of, as its action says."""
    notification = (await notifications(world, P1))[place]
    action = next(action for action in notification["actions"] if action["type"] == "POST")
    link = httpx.URL(action["link"])
    assert link.params["fileId"] == notification["messageRichParameters"]["file"]["id"]
    await world.send(P1, "POST", link.path, dict(link.params))


async def shared_messages(world: World) -> list[tuple[str, str]]:
    found = await messages(world, P1, "room1")
    return [(item["messageType"], item["message"]) for item in found if item["messageType"] != "system"]


async def listing(world: World, person: str, path: str) -> list[str]:
    """Return the paths in a folder of the person's home, asked for without ``Accept`` and ``Depth``."""
    client = await world.client(person)
    request = client.build_request(
        "PROPFIND", f"/remote.php/dav/files/{person}/{path}", headers={"OCS_APIREQUEST": "true"}
    )
    for name in HEADERS:
        del request.headers[name]
    answer = await client.send(request)
    assert answer.status_code == 207, answer.text
    hrefs = re.findall("<d:href>([^<]*)</d:href>", answer.text)
    return [href.removeprefix(f"/remote.php/dav/files/{person}") for href in hrefs]


async def test_14_recording_transcript_and_summary_are_shared(world: World) -> None:
    await stored(world, "join_call.ogg")
    assert await run_jobs(world) == 2
    summary = available(world, "Call summary", "summary", "join_call - summary.md")
    transcript = available(world, "Transcript", "transcript", "join_call.md")
    recording = available(world, "Call recording", "recording", "join_call.ogg")
    assert await told(world) == [summary, transcript, recording]

    await share(world, -1)
    created = by(P1, "conversation_created")
    assert await system_messages(world, P1, "room1") == created
    assert await shared_messages(world) == [("record-audio", "{file}")]
    assert await told(world) == [summary, transcript]
    await share(world, -1)
    assert await told(world) == [summary]
    await share(world, 0)
    assert await told(world) == []
    assert await shared_messages(world) == [("record-audio", "{file}")] * 3
    assert await system_messages(world, P1, "room1") == created

    await world.add_user(P2)
    await add_participant(world, P1, P2, "room1")
    assert await listing(world, P2, "/") == ["/", "/Talk/", "/welcome.txt"]
    assert await listing(world, P2, "/Talk") == [
        "/Talk/",
        "/Talk/join_call%20-%20summary.md",
        "/Talk/join_call.md",
        "/Talk/join_call.ogg",
    ]


async def test_15_the_transcript_fails(world: World) -> None:
    await stored(world, "leave_call.ogg", audio2text="yes")
    assert await run_jobs(world) == 1
    assert await told(world) == [
        failed(world, "transcript", "leave_call.ogg"),
        available(world, "Call recording", "recording", "leave_call.ogg"),
    ]


async def test_16_the_summary_fails(world: World) -> None:
    await stored(world, "leave_call.ogg", **{"text2text-summary": "yes"})
    assert await run_jobs(world) == 2
    assert await told(world) == [
        failed(world, "summarize", "leave_call.ogg"),
        available(world, "Transcript", "transcript", "leave_call.md"),
        available(world, "Call recording", "recording", "leave_call.ogg"),
    ]


async def test_17_no_summary_is_wanted(world: World) -> None:
    await stored(world, "join_call.ogg", summary="no")
    assert await run_jobs(world) == 1
    assert await told(world) == [
        available(world, "Transcript", "transcript", "join_call.md"),
        available(world, "Call recording", "recording", "join_call.ogg"),
    ]


async def test_18_no_transcript_is_wanted(world: World) -> None:
    await stored(world, "join_call.ogg", transcript="no")
    assert await run_jobs(world) == 2
    assert await told(world) == [
        available(world, "Call summary", "summary", "join_call - summary.md"),
        available(world, "Call recording", "recording", "join_call.ogg"),
    ]


async def refused_as_too_large(world: World, secret: str, **fields: str) -> None:
    answer = await store(world, "room1", "audio.ogg", b"hello world\n", secret, MAX_FILE_SIZE="1", **fields)
    assert answer.status_code == 400, answer.text
    (notification,) = await told(world)
    assert notification[:4] == (
        "spreed",
        "recording_information",
        world.rooms["room1"],
        "Failed to upload call recording",
    )
    assert await recording_status(world, P1, "room1") == OFF


async def test_19_the_file_is_too_large(world: World) -> None:
    await world.add_user(P1)
    await create_room(world, P1, "room1")
    await join_room(world, P1, "room1")
    await world.set_config("recording_servers", {"secret": STORE_SECRET})
    await refused_as_too_large(world, STORE_SECRET, owner=P1)


async def test_20_the_whole_request_is_too_large(mocked: World) -> None:
    await room_in_call(mocked, P1, "room1")
    await start_recording(mocked, P1, "room1", AUDIO)
    await recording_started(mocked, "room1", AUDIO, P1)
    mocked.recorder.take()
    await end_call(mocked, P1, "room1")
    assert mocked.recorder.take() == [STOP]
    await recording_stopped(mocked, "room1", P1)
    await refused_as_too_large(mocked, RECORDING_SECRET)
