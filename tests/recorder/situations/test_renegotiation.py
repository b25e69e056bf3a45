"""A publisher who changes what he sends by a new offer on the connection that is there."""

from callrec.recorder.folder.track import Source
from tests.recorder.situations.house import BOTH, SOUND, Room
from tests.recorder.situations.test_coming_and_going import sent_packets_arrived

KINDS: dict[str, Source] = {"audio": "microphone", "video": "camera"}


async def test_a_camera_that_is_added_and_removed_and_added(room: Room) -> None:
    ole = await room.user("ole", sends=("audio",))
    await ole.call(SOUND)
    recording = await room.record()
    await recording.flowing("users/ole", "microphone")
    (microphone,) = recording.tracks("users/ole")
    connection = ole.connection
    numbers = []
    for _ in range(2):
        at_ms = recording.now_ms()
        connection.add("video")
        await ole.call(BOTH)
        await ole.renegotiate()
        started = await recording.event(
            "track_started", since_ms=at_ms, participant="users/ole", source="camera"
        )
        await recording.flowing("users/ole", "camera")
        numbers.append(started.track)
        at_ms = recording.now_ms()
        connection.remove("video")
        await ole.renegotiate()
        await recording.event("track_ended", since_ms=at_ms, track=started.track)
        await recording.flowing("users/ole", "microphone")
    report = recording.checked()
    assert ole.connection is connection
    assert numbers == [1, 2]
    # The sound never noticed.
    assert [t.number for t in recording.tracks("users/ole", "microphone")] == [microphone.number]
    assert microphone.number not in [event.track for event in recording.events("track_ended")]
    assert recording.story("users/ole") == ["joined"]
    assert [(t.source, t.segments) for t in report.tracks] == [
        ("microphone", 1),
        ("camera", 1),
        ("camera", 1),
    ]
    sent_packets_arrived(recording, ole)
