"""Transcripts and summaries of stored recordings, by a provider over HTTP."""

import httpx
import pytest

from callrec.conversation.transcripts import texts
from tests.conversation.far_provider import SPOKEN, FarProvider
from tests.conversation.recording_world import API, NOTIFICATIONS, OGG, PUBLIC_URL, World, open_world
from tests.conversation.recordings.chunked_recorder import Recorder
from tests.conversation.storage import Storage

from .transcript_world import (
    RETRIES,
    SUMMARY_FILE,
    TRANSCRIPT_FILE,
    done,
    folder,
    kept,
    notified,
    subjects,
    waiting,
    want,
)


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
