"""Transcripts and summaries when a provider, a server or a recording goes away: made once all the same."""

import asyncio
import json
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from callrec.conversation import membership, rooms
from callrec.conversation.db.tables_recordings import Node
from callrec.conversation.db.tables_rooms import Room
from callrec.conversation.db.tables_transcripts import NOBODY_SINCE, TranscriptJob
from callrec.conversation.participants import Participant, find_attendee
from callrec.conversation.transcripts import queue, worker
from callrec.conversation.transcripts.queue import JobQueue
from callrec.wire.constants import ParticipantType
from tests.conversation.far_provider import FarProvider
from tests.conversation.recording_world import API, OGG, PUBLIC_URL, World, open_world
from tests.conversation.storage import Services, Storage
from tests.waiting import eventually

from .transcript_world import (
    RETRIES,
    done,
    folder,
    kept,
    notified,
    subjects,
    waiting,
    want,
)


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


async def test_news_of_a_failure_is_not_dismissed_with_the_recording(world: World, far: FarProvider) -> None:
    far.mishaps = [400]
    mira = await world.client("mira")
    await world.store()
    await done(world)
    _, recording = await notified(world)
    assert (await mira.post(recording["actions"][0]["link"].removeprefix(PUBLIC_URL))).status_code == 200
    await mira.delete(f"{API}/recording/{world.token}/notification", params={"timestamp": 1})
    assert await subjects(world) == ["transcript_failed"]


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
