"""Stretches in which nothing comes: a pause of everybody, and the death of the capture process."""

import itertools
import os
import signal

from callrec.recorder.capture.log import HEARTBEAT_INTERVAL_S
from tests.recorder.situations.house import BOTH, EMPTY_TIMEOUT_S, NOTHING, Room
from tests.recorder.situations.recording import until

HEARTBEAT_LATE_MS = 3000


async def test_nobody_sends_for_a_long_time(room: Room) -> None:
    ole, cem = await room.user("ole"), await room.user("cem", sends=())
    await ole.call(BOTH)
    await cem.call(NOTHING)
    recording = await room.record()
    for source in ("microphone", "camera"):
        await recording.flowing("users/ole", source)
    for kind in ("audio", "video"):
        ole.connection.mute(kind)
    await recording.silent("users/ole", "camera")
    pause_ms = recording.now_ms()
    # Longer than an empty call may last, and no sign of life but the heartbeat.
    heartbeats = len(recording.events("heartbeat"))
    await until(lambda: len(recording.events("heartbeat")) > heartbeats, "a heartbeat")
    await until(lambda: recording.now_ms() > pause_ms + 2000 * EMPTY_TIMEOUT_S, "the end of the pause")
    end_ms = recording.now_ms()
    for kind in ("audio", "video"):
        ole.connection.unmute(kind)
    for source in ("microphone", "camera"):
        await recording.flowing("users/ole", source)
    report = recording.checked()
    assert recording.story("users/ole") == recording.story("users/cem") == ["joined"]
    assert recording.events("closed", "gap", "track_ended", "left") == []
    beats = [event.ms for event in recording.events("capture", "heartbeat")]
    apart = [after - before for before, after in itertools.pairwise(beats)]
    assert all(abs(ms - 1000 * HEARTBEAT_INTERVAL_S) < HEARTBEAT_LATE_MS for ms in apart), beats
    assert {track.source for track in report.tracks} == {"microphone", "camera"}
    for track in recording.tracks("users/ole"):  # one each: it is the same connection
        moments = [ms for ms, _ in recording.arrivals(track)]
        assert not [ms for ms in moments if pause_ms < ms < end_ms]
        assert moments[0] < pause_ms and moments[-1] > end_ms


async def test_who_has_left_while_nobody_captured(room: Room) -> None:
    ole, mira = await room.user("ole"), await room.user("mira")
    await ole.call(BOTH)
    await mira.call(BOTH)
    recording = await room.record()
    await recording.flowing("users/mira", "camera")
    await recording.flowing("users/ole", "camera")
    at_ms = recording.now_ms()
    await mira.say({"type": "raiseHand", "roomType": "video", "payload": {"state": True}})
    await ole.say({"type": "raiseHand", "roomType": "video", "payload": {"state": True}})
    for key in ("users/mira", "users/ole"):
        await recording.event("hand_raised", since_ms=at_ms, participant=key)
    capture = room.captures()
    os.kill(capture, signal.SIGSTOP)  # it hears nothing any more
    await mira.leave()
    at_ms = recording.now_ms()
    os.kill(capture, signal.SIGKILL)
    gap = await recording.event("gap", since_ms=at_ms)
    await recording.event("left", since_ms=at_ms, participant="users/mira")
    await recording.event("joined", since_ms=at_ms, participant="users/ole")
    await recording.flowing("users/ole", "camera", more=30)
    report = recording.checked("capture_died", "gap")
    assert recording.story("users/mira") == ["joined", "hand_raised", "hand_lowered", "left"]
    assert recording.story("users/ole") == ["joined", "hand_raised", "hand_lowered", "joined"]
    (stretch,) = report.timeline.gaps
    assert (stretch.from_ms, stretch.to_ms) == (gap.from_ms, gap.ms)
    ended = {event.track: event.ms for event in recording.events("track_ended")}
    assert set(ended) == {0, 1, 2, 3}
    assert [t.number for t in recording.tracks("users/mira")] == sorted(
        event.track
        for event in recording.events("track_started", participant="users/mira")
        if event.track is not None
    )
    for track in report.tracks:
        if track.number in ended:
            assert track.last_ms is not None and gap.from_ms is not None and track.last_ms <= gap.from_ms
        else:
            assert track.participant == "users/ole" and (track.first_ms or 0) > gap.ms
