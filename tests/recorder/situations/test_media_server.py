"""Where a media server makes a difference: it tells its subscribers nothing, so the recorder has to ask."""

import pytest

from callrec.recorder.call.subscriptions import SILENT_S
from tests.recorder.situations.house import BOTH, NOTHING, SOUND, Room
from tests.recorder.situations.recording import until

pytestmark = pytest.mark.hpb
SOURCES = ("microphone", "camera")


@pytest.fixture
def room(served_room: Room) -> Room:
    return served_room


async def test_somebody_who_comes_late_and_again_in_a_new_session(room: Room) -> None:
    ole, mira = await room.user("ole"), await room.user("mira")
    await ole.call(BOTH)
    recording = await room.record()
    await recording.flowing("users/ole", "camera")
    at_ms = recording.now_ms()
    await mira.call(BOTH)
    joined = await recording.event("joined", since_ms=at_ms, participant="users/mira", name="Mira")
    for source in SOURCES:
        await recording.flowing("users/mira", source)
    at_ms = recording.now_ms()
    await mira.leave()
    await recording.event("left", since_ms=at_ms, participant="users/mira")
    first = recording.tracks("users/mira")
    for track in first:
        await recording.event("track_ended", since_ms=at_ms, track=track.number)
    again = await room.user("mira")
    at_ms = recording.now_ms()
    await again.call(BOTH)
    await recording.event("joined", since_ms=at_ms, participant="users/mira", name="Mira")
    for source in SOURCES:
        await recording.flowing("users/mira", source)
    await recording.flowing("users/ole", "camera")
    report = recording.checked()
    assert recording.story("users/mira") == ["joined", "left", "joined"]
    assert recording.story("users/ole") == ["joined"]
    assert {track.session for track in first} == {mira.session_id}
    later = [track for track in recording.tracks("users/mira") if track not in first]
    assert {track.session for track in later} == {again.session_id}
    for number in (track.number for track in first):
        (found,) = (track for track in report.tracks if track.number == number)
        assert (found.first_ms or 0) >= joined.ms and (found.last_ms or 0) <= at_ms


async def test_who_is_muted_is_not_asked_for_again_and_who_is_silent_is(room: Room) -> None:
    ole, mira = await room.user("ole"), await room.user("mira")
    await ole.call(BOTH)
    await mira.call(BOTH)
    recording = await room.record()
    for key in ("users/ole", "users/mira"):
        for source in SOURCES:
            await recording.flowing(key, source)
    before = recording.tracks("users/mira")
    at_ms = recording.now_ms()
    for member in (ole, mira):
        for kind in ("audio", "video"):
            member.connection.mute(kind)
            if member is ole:
                await ole.say({"type": "mute", "roomType": "video", "payload": {"name": kind}})
    for kind in ("audio", "video"):
        await recording.event("muted", since_ms=at_ms, participant="users/ole", media=kind)
    for source in SOURCES:
        event = await recording.event(
            "track_started", since_ms=at_ms, participant="users/mira", source=source
        )
        assert event.ms - at_ms >= 1000 * SILENT_S[0]
    for track in before:
        await recording.event("track_ended", since_ms=at_ms, track=track.number)
    end_ms = recording.now_ms()
    for member in (ole, mira):
        for kind in ("audio", "video"):
            member.connection.unmute(kind)
            if member is ole:
                await ole.say({"type": "unmute", "roomType": "video", "payload": {"name": kind}})
    for key in ("users/ole", "users/mira"):
        for source in SOURCES:
            await recording.flowing(key, source)
    recording.checked()
    assert len(recording.tracks("users/ole")) == 2 and len(recording.tracks("users/mira")) == 4
    said = ["muted audio", "muted video", "unmuted audio", "unmuted video"]
    assert recording.story("users/ole") == ["joined", *said]
    assert recording.story("users/mira") == ["joined"]
    assert all(recording.arrivals(track)[-1][0] < end_ms for track in before)


async def test_a_shared_screen(room: Room) -> None:
    ole = await room.user("ole")
    await ole.call(BOTH)
    recording = await room.record()
    await recording.flowing("users/ole", "camera")
    numbers = []
    for _ in range(2):
        at_ms = recording.now_ms()
        await ole.share_screen()
        await recording.event("screen_started", since_ms=at_ms, participant="users/ole")
        await recording.flowing("users/ole", "screen")
        at_ms, gone = recording.now_ms(), room.publishers_gone()
        await ole.unshare_screen()
        await recording.event("screen_stopped", since_ms=at_ms, participant="users/ole")
        numbers.append(recording.tracks("users/ole", "screen")[-1].number)
        await recording.event("track_ended", since_ms=at_ms, track=numbers[-1])
        await room.publisher_has_gone(after=gone)
    await recording.flowing("users/ole", "camera")
    recording.checked()
    assert recording.story("users/ole") == ["joined", *("screen_started", "screen_stopped") * 2]
    assert numbers[0] < numbers[1]


async def test_a_camera_that_is_added_on_the_same_connection(room: Room) -> None:
    ole = await room.user("ole", sends=("audio",))
    await ole.call(SOUND)
    recording = await room.record()
    await recording.flowing("users/ole", "microphone")
    at_ms = recording.now_ms()
    ole.connection.add("video")
    await ole.renegotiate()
    await ole.call(BOTH)  # the one thing that subscribers hear of it
    await recording.event("track_started", since_ms=at_ms, participant="users/ole", source="camera")
    for source in SOURCES:
        await recording.flowing("users/ole", source)
    report = recording.checked()
    assert recording.story("users/ole") == ["joined"]
    ended = {event.track for event in recording.events("track_ended")}
    live = [track.source for track in report.tracks if track.number not in ended]
    assert sorted(live) == ["camera", "microphone"]


async def test_somebody_who_announces_media_and_never_sends(room: Room) -> None:
    ole, cem = await room.user("ole"), await room.user("cem", sends=())
    mira = await room.user("mira", sends=())
    await ole.call(BOTH)
    await mira.call(NOTHING)
    recording = await room.record()
    at_ms = recording.now_ms()
    await cem.call(BOTH)
    await recording.event("joined", since_ms=at_ms, participant="users/cem", name="Cem")
    await recording.flowing("users/ole", "camera", more=40)
    log = room.serve.log_text
    await until(lambda: '"stream_requested"' in log(), "a request")
    recording.checked()
    assert recording.story("users/cem") == recording.story("users/mira") == ["joined"]
    assert recording.tracks("users/cem") == recording.tracks("users/mira") == []
