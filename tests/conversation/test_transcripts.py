"""Transcripts and summaries of stored recordings, by a provider over HTTP: made once, whatever happens."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from callrec.conversation import membership, rooms
from callrec.conversation.app_config import TALK
from callrec.conversation.db.tables_recordings import Node, Notification
from callrec.conversation.db.tables_rooms import Room
from callrec.conversation.db.tables_transcripts import NOBODY_SINCE, TranscriptJob
from callrec.conversation.participants import Participant, find_attendee
from callrec.conversation.transcripts import queue, texts, worker
from callrec.conversation.transcripts.queue import JobQueue
from callrec.wire.constants import ParticipantType

from .far_provider import SPOKEN, SUMMARY, FarProvider, far_provider
from .recording_world import API, NOTIFICATIONS, OGG, PUBLIC_URL, World, eventually, open_world
from .storage import Services, Storage
from .test_chunked_store import Recorder

RETRIES: dict[str, Any] = {"transcript_retry_first_s": 0.05, "transcript_retry_for_s": 600}
TRANSCRIPT_FILE = f"{SPOKEN}\n\n{texts.TRANSCRIPT_REMARK}\n"
SUMMARY_FILE = f"{SUMMARY}\n\n{texts.SUMMARY_REMARK}\n"


@pytest.fixture
async def far() -> AsyncIterator[FarProvider]:
    async with far_provider() as far:
        yield far


@pytest.fixture
async def world(storage: Storage, far: FarProvider) -> AsyncIterator[World]:
    async with open_world(storage, **far.settings, **RETRIES) as world:
        await want(world, transcript="yes", summary="yes")
        yield world


async def want(world: World, *, transcript: str, summary: str) -> None:
    """Set what is to be made of recordings."""
    async with world.core.db.write() as tx:
        await world.core.configuration.set(tx, TALK, "call_recording_transcription", transcript)
        await world.core.configuration.set(tx, TALK, "call_recording_summary", summary)


async def waiting(world: World) -> list[str]:
    return [kind for _, kind in await queue.waiting_jobs(world.core.db)]


async def done(world: World) -> None:
    """Wait until nothing is left to be made."""
    async with asyncio.timeout(60):
        while await waiting(world):
            await asyncio.sleep(0.01)


async def notified(world: World, user: str = "mira") -> list[dict[str, Any]]:
    answer = await (await world.client(user)).get(NOTIFICATIONS)
    found: list[dict[str, Any]] = answer.json()["ocs"]["data"]
    return found


async def subjects(world: World) -> list[str]:
    """Return the subjects of all notifications, oldest first."""
    async with world.core.db.read() as session:
        return list(await session.scalars(select(Notification.subject).order_by(Notification.id)))


async def kept(world: World) -> dict[str, str]:
    """Return the texts in mira's home by path. Nothing but her files is kept."""
    async with world.core.db.read() as session:
        nodes = list(await session.scalars(select(Node).where(Node.blob_id.is_not(None))))
    assert await world.storage.blob_ids() == {node.blob_id for node in nodes}
    mira = await world.client("mira")
    found = {}
    for node in nodes:
        if node.media_type == texts.MEDIA_TYPE:
            answer = await mira.get(f"/remote.php/dav/files/mira/{node.path}")
            assert answer.headers["content-type"].startswith("text/markdown")
            found[node.path] = answer.text
    return found


def folder(world: World) -> str:
    return f"Talk/Recording/{world.token}"


async def test_a_recording_is_made_into_a_transcript_and_a_summary(world: World, far: FarProvider) -> None:
    assert (await world.store(name='Standup "1".ogg')).status_code == 200
    await done(world)
    (transcription,) = far.transcriptions
    assert transcription == {
        "model": "whisper-1",
        "file": OGG,
        "name": "recording.ogg",  # names of people's files are nobody's business
        "type": "audio/ogg",
    }
    (chat,) = far.chats
    assert chat["model"] == "a-model"
    assert [message["role"] for message in chat["messages"]] == ["system", "user"]
    assert chat["messages"][1]["content"] == SPOKEN
    assert await kept(world) == {
        f'{folder(world)}/Standup "1".md': TRANSCRIPT_FILE,
        f'{folder(world)}/Standup "1" - summary.md': SUMMARY_FILE,
    }
    summary, transcript, recording = await notified(world)
    assert recording["subject"] == "Call recording now available"
    assert transcript["subject"] == "Transcript now available"
    assert transcript["messageRich"] == "The transcript for the call in {call} was uploaded to {file}."
    assert transcript["messageRichParameters"]["file"]["name"] == 'Standup "1".md'
    assert summary["subject"] == "Call summary now available"
    assert summary["messageRich"] == "The summary for the call in {call} was uploaded to {file}."
    for item in (summary, transcript):
        assert (item["object_type"], item["object_id"]) == ("recording", world.token)
        assert [action["type"] for action in item["actions"]] == ["POST", "DELETE"]


async def test_the_same_recording_again_makes_nothing(world: World, far: FarProvider) -> None:
    for _ in range(2):
        assert (await world.store()).status_code == 200
    await done(world)
    assert (len(far.transcriptions), len(far.chats)) == (1, 1)


async def test_a_recording_that_came_in_chunks(world: World, far: FarProvider) -> None:
    async with httpx.AsyncClient(base_url=world.url, timeout=30) as http:
        recorder = Recorder(world, http)
        name = await recorder.request_upload()
        assert await recorder.upload({1: OGG[:9], 2: OGG[9:]}) == 201
        assert await recorder.store() == "ok"
    await done(world)
    assert [each["file"] for each in far.transcriptions] == [OGG]
    base = f"{folder(world)}/{name.removesuffix('.ogg')}"
    assert await kept(world) == {f"{base}.md": TRANSCRIPT_FILE, f"{base} - summary.md": SUMMARY_FILE}


@pytest.mark.parametrize(
    ("transcript", "summary", "expected"),
    [
        ("yes", "no", ["transcript_file_stored"]),
        ("no", "yes", ["summary_file_stored"]),
        ("no", "no", []),
    ],
)
async def test_only_what_is_wanted_is_made(
    world: World, far: FarProvider, transcript: str, summary: str, expected: list[str]
) -> None:
    await want(world, transcript=transcript, summary=summary)
    await world.store()
    assert bool(await waiting(world)) or not expected or bool(far.count)
    await done(world)
    assert await subjects(world) == ["record_file_stored", *expected]
    assert len(await kept(world)) == len(expected)
    assert bool(far.count) == bool(expected)


async def test_what_has_not_been_set_makes_a_summary_only(storage: Storage, far: FarProvider) -> None:
    async with open_world(storage, **far.settings, **RETRIES) as world:
        await world.store()
        await done(world)
        assert await subjects(world) == ["record_file_stored", "summary_file_stored"]


async def test_without_a_provider_nobody_hears_of_it(storage: Storage) -> None:
    async with open_world(storage) as world:
        await want(world, transcript="yes", summary="yes")
        await world.store()
        assert await waiting(world) == []
        assert await subjects(world) == ["record_file_stored"]


async def test_a_provider_of_transcripts_alone(storage: Storage, far: FarProvider) -> None:
    alone = {key: value for key, value in far.settings.items() if key.startswith("transcription")}
    async with open_world(storage, **alone) as world:
        await want(world, transcript="yes", summary="yes")
        await world.store()
        await done(world)
        assert await subjects(world) == ["record_file_stored", "transcript_file_stored"]
        await want(world, transcript="no", summary="yes")
        await world.store(name="b.ogg")
        assert await waiting(world) == []


@pytest.mark.parametrize(
    "mishap", [500, 503, 429, 401, 404, 302, b"<html>busy</html>", b'{"text":7}', b"\xff"]
)
async def test_what_may_be_better_later_is_tried_again(
    world: World, far: FarProvider, mishap: int | bytes
) -> None:
    far.mishaps = [mishap, mishap]
    await world.store()
    await done(world)
    assert len(far.transcriptions) == 3
    assert list(await kept(world)) == [f"{folder(world)}/a.md", f"{folder(world)}/a - summary.md"]
    assert await subjects(world) == ["record_file_stored", "transcript_file_stored", "summary_file_stored"]


async def test_a_summary_is_tried_again_without_another_transcript(world: World, far: FarProvider) -> None:
    far.answering.clear()
    await world.store()
    await far.wait_for(1)
    far.mishaps = [500, b"{}", json.dumps({"choices": []}).encode()]
    far.answering.set()
    await done(world)
    assert (len(far.transcriptions), len(far.chats)) == (1, 4)
    assert await subjects(world) == ["record_file_stored", "transcript_file_stored", "summary_file_stored"]


async def test_a_provider_that_is_away_or_too_slow(storage: Storage, far: FarProvider) -> None:
    async with open_world(storage, **far.settings, **RETRIES, transcript_timeout_s=0.3) as world:
        far.answering.clear()
        await want(world, transcript="yes", summary="no")
        await world.store()
        await far.wait_for(2)
        far.answering.set()
        await done(world)
        assert list(await kept(world)) == [f"{folder(world)}/a.md"]


@pytest.mark.parametrize("status", [400, 413, 415, 422])
async def test_a_recording_that_the_provider_refuses(world: World, far: FarProvider, status: int) -> None:
    far.mishaps = [status]
    await world.store()
    await done(world)
    assert (len(far.transcriptions), len(far.chats)) == (1, 0)
    failed, _ = await notified(world)
    path = f"/{folder(world)}/a.ogg"
    assert failed["subject"] == "Failed to transcript call recording"
    assert failed["message"] == (
        f"The server failed to transcript the recording at {path} for the call in Standup. "
        "Please reach out to the administration."
    )
    assert (failed["object_type"], failed["actions"]) == ("recording", [])
    assert await kept(world) == {}


async def test_a_provider_that_stays_away_is_given_up(storage: Storage, far: FarProvider) -> None:
    retries: dict[str, Any] = {"transcript_retry_first_s": 0.02, "transcript_retry_for_s": 0.1}
    async with open_world(storage, **far.settings, **retries) as world:
        await want(world, transcript="yes", summary="yes")
        far.mishaps = [500] * 3  # waits of 0.02 and 0.04 s fit in, one of 0.08 s more does not
        await world.store()
        await done(world)
        assert (len(far.transcriptions), len(far.chats)) == (3, 0)
        far.mishaps = []
        far.answering.clear()
        await world.store(name="b.ogg")
        await far.wait_for(4)
        far.mishaps = [500] * 3
        far.answering.set()
        await done(world)
        assert await subjects(world) == [
            *("record_file_stored", "transcript_failed"),
            *("record_file_stored", "transcript_file_stored", "summary_failed"),
        ]
        failed = (await notified(world))[0]
        assert failed["subject"] == "Failed to summarize call recording"
        assert failed["messageRichParameters"]["file"]["name"] == "b.ogg"


async def test_a_recording_that_is_moved_meanwhile_keeps_its_room(world: World, far: FarProvider) -> None:
    far.answering.clear()
    await world.store()
    await far.wait_for(1)
    mira = await world.client("mira")
    dav = "/remote.php/dav/files/mira"
    assert (await mira.request("MKCOL", f"{dav}/Minutes")).status_code == 201
    move = {"Destination": f"{PUBLIC_URL}{dav}/Minutes/monday.ogg"}
    answer = await mira.request("MOVE", f"{dav}/{folder(world)}/a.ogg", headers=move)
    assert answer.status_code == 201
    far.answering.set()
    await done(world)
    assert sorted(await kept(world)) == ["Minutes/monday - summary.md", "Minutes/monday.md"]
    assert {item["object_id"] for item in await notified(world)} == {world.token}


async def test_names_that_are_taken_get_a_number(world: World) -> None:
    mira = await world.client("mira")
    await world.store(name="a.ogg")
    await done(world)
    await world.store(name="a.ogg", data=OGG + b"2")
    await done(world)
    assert sorted(await kept(world)) == [
        f"{folder(world)}/{name}" for name in ("a (2) - summary.md", "a (2).md", "a - summary.md", "a.md")
    ]
    assert (await mira.delete(NOTIFICATIONS)).status_code == 200


@pytest.mark.parametrize("gone", ["recording", "room", "owner"])
async def test_what_is_gone_meanwhile_is_not_written_about(world: World, far: FarProvider, gone: str) -> None:
    far.answering.clear()
    await world.add_user("ole", ParticipantType.MODERATOR)
    await world.store(owner="ole", name="a.ogg")
    await far.wait_for(1)
    async with world.core.db.write() as tx:
        room = await tx.scalar(select(Room).where(Room.token == world.token))
        assert room is not None
        if gone == "recording":
            ole = await tx.scalar(select(Node).where(Node.name == "a.ogg"))
            assert ole is not None
            await tx.delete(ole)
        elif gone == "room":
            await rooms.delete_room(world.core, tx, room)
        else:
            attendee = await find_attendee(tx, room.id, "users", "ole")
            assert attendee is not None
            await membership.remove_attendee(world.core, tx, Participant(room, attendee, None))
    far.answering.set()
    await done(world)

    async def only_known_blobs() -> bool:
        async with world.core.db.read() as session:
            known = set(await session.scalars(select(Node.blob_id).where(Node.blob_id.is_not(None))))
            names = list(await session.scalars(select(Node.name).where(Node.name.like("%.md"))))
        return not names and await world.storage.blob_ids() >= known and not await waiting(world)

    await eventually(only_known_blobs)
    assert not [item for item in await notified(world, "ole") if item["subject"].startswith("Transcript")]


async def test_sharing_and_dismissing_texts(world: World) -> None:
    mira = await world.client("mira")
    await world.store(name="a.ogg")
    await done(world)
    summary, transcript, recording = await notified(world)
    for item, left in ((transcript, [summary, recording]), (summary, [recording])):
        link = item["actions"][0]["link"].removeprefix(PUBLIC_URL)
        assert (await mira.post(link)).status_code == 200
        assert [each["notification_id"] for each in await notified(world)] == [
            each["notification_id"] for each in left
        ]
    await world.store(name="b.ogg")
    await done(world)
    path = f"{API}/recording/{world.token}/notification"
    assert (await mira.delete(path, params={"timestamp": 1})).status_code == 200
    assert await notified(world) == []


async def test_news_of_a_failure_is_not_dismissed_with_the_recording(world: World, far: FarProvider) -> None:
    far.mishaps = [400]
    mira = await world.client("mira")
    await world.store()
    await done(world)
    _, recording = await notified(world)
    assert (await mira.post(recording["actions"][0]["link"].removeprefix(PUBLIC_URL))).status_code == 200
    await mira.delete(f"{API}/recording/{world.token}/notification", params={"timestamp": 1})
    assert await subjects(world) == ["transcript_failed"]


async def test_silence_has_a_transcript_and_no_summary(world: World, far: FarProvider) -> None:
    far.spoken = " \0\n"
    await world.store()
    await done(world)
    assert await kept(world) == {f"{folder(world)}/a.md": f"\n\n{texts.TRANSCRIPT_REMARK}\n"}
    assert far.chats == []


async def test_newer_names(storage: Storage, far: FarProvider) -> None:
    async with open_world(storage, **far.settings, newer_transcript_names=True) as world:
        await want(world, transcript="yes", summary="yes")
        await world.store()
        await done(world)
        assert sorted(await kept(world)) == [
            f"{folder(world)}/a - summary.md",
            f"{folder(world)}/a transcript.md",
        ]


@pytest.fixture
def short_leases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "LEASE", timedelta(seconds=1.5))
    monkeypatch.setattr(worker, "LOOK_S", 0.1)


@pytest.mark.usefixtures("short_leases")
async def test_a_killed_server_costs_the_attempt(
    storage: Storage, far: FarProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def die(_self: JobQueue) -> None:
        """End as by kill -9: the lease stays."""

    far.answering.clear()
    async with open_world(storage, **far.settings, **RETRIES) as first:
        await want(first, transcript="yes", summary="yes")
        await first.store()
        await far.wait_for(1)
        monkeypatch.setattr(JobQueue, "give_up_all", die)
    far.answering.set()
    async with open_world(storage, new=False, **far.settings, **RETRIES) as second:
        await done(second)
        assert len(far.transcriptions) == 2
        assert sorted(await kept(second)) == [f"{folder(second)}/a - summary.md", f"{folder(second)}/a.md"]
        assert await subjects(second) == [
            *("record_file_stored", "transcript_file_stored", "summary_file_stored")
        ]


async def test_an_orderly_end_lets_the_next_server_go_on_at_once(storage: Storage, far: FarProvider) -> None:
    far.answering.clear()
    async with open_world(storage, **far.settings, **RETRIES) as first:
        await want(first, transcript="yes", summary="no")
        await first.store()
        await far.wait_for(1)
    far.answering.set()
    async with open_world(storage, new=False, **far.settings, **RETRIES) as second:
        await done(second)  # sooner than a lease of 15 s ends
        assert list(await kept(second)) == [f"{folder(second)}/a.md"]


async def test_who_has_lost_a_job_writes_nothing(world: World, far: FarProvider) -> None:
    far.answering.clear()
    await world.store()
    await far.wait_for(1)
    async with world.core.db.write() as tx:
        await tx.execute(update(TranscriptJob).values(holder="another process"))
    far.answering.set()

    async def another_takes_it() -> bool:  # what the other one has done, the first one finds no job for
        async with world.core.db.write() as tx:
            await tx.execute(update(TranscriptJob).values(leased_until=NOBODY_SINCE))
        return not await waiting(world)

    await eventually(another_takes_it)
    assert await subjects(world) == ["record_file_stored", "transcript_file_stored", "summary_file_stored"]
    assert sorted(await kept(world)) == [f"{folder(world)}/a - summary.md", f"{folder(world)}/a.md"]


async def test_two_server_processes_make_everything_once(services: Services, far: FarProvider) -> None:
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(open_world(services, **far.settings))
        await want(first, transcript="yes", summary="no")
        second = await stack.enter_async_context(open_world(services, new=False, **far.settings))
        answers = await asyncio.gather(
            *((first, second)[n % 2].store(name=f"{n}.ogg", data=OGG + bytes([n])) for n in range(8))
        )
        assert [answer.status_code for answer in answers] == [200] * 8
        await done(first)
        assert len(far.transcriptions) == 8
        assert len(await kept(first)) == 8
