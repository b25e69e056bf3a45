"""Who comes late, leaves, comes back, or never sends, and what the recording says of it."""

from callrec.recorder.folder.check.report import Report
from tests.recorder.situations.house import BOTH, NOTHING, Room
from tests.recorder.situations.member import Member
from tests.recorder.situations.recording import Recording
from tests.recorder.situations.sending import ClipConnection, Clips

SOURCES = ("microphone", "camera")


def sent_packets_arrived(recording: Recording, member: Member[ClipConnection]) -> None:
    """Check that what is in the folder is what was sent, from the first packet on, byte for byte."""
    assert isinstance(member.sending, Clips)
    arrived: dict[bytes, list[bytes]] = {}
    for track in recording.tracks(member.key):
        if track.session == member.session_id:
            for packet in recording.packets(track):
                arrived.setdefault(packet[8:12], []).append(packet)
    for ssrc, packets in arrived.items():
        sent = [packet for packet in member.sending.wire.sent if packet[8:12] == ssrc]
        assert packets == sent[: len(packets)]


def names(report: Report) -> dict[str, str]:
    return {person.participant: person.name for person in report.timeline.participants}


async def test_somebody_who_comes_late(room: Room) -> None:
    ole, mira = await room.user("ole"), await room.user("mira")
    await ole.call(BOTH)
    recording = await room.record()
    await recording.flowing("users/ole", "camera")
    at_ms = recording.now_ms()
    await mira.call(BOTH)
    joined = await recording.event("joined", since_ms=at_ms, participant="users/mira", name="Mira")
    for source in SOURCES:
        started = await recording.event(
            "track_started", since_ms=joined.ms, participant="users/mira", source=source
        )
        await recording.flowing("users/mira", source)
        assert [track.number for track in recording.tracks("users/mira", source)] == [started.track]
    first_numbers = [track.number for track in recording.tracks("users/ole")]
    assert sorted(first_numbers) == [0, 1]
    assert sorted(track.number for track in recording.tracks("users/mira")) == [2, 3]
    for member in (ole, mira):
        sent_packets_arrived(recording, member)
    report = recording.checked()
    assert names(report) == {"users/ole": "Ole", "users/mira": "Mira"}
    by_number = {track.number: track for track in report.tracks}
    assert all((by_number[number].first_ms or 0) >= joined.ms for number in (2, 3))


async def test_somebody_who_leaves(room: Room) -> None:
    ole, mira = await room.user("ole"), await room.user("mira")
    await ole.call(BOTH)
    await mira.call(BOTH)
    recording = await room.record()
    for source in SOURCES:
        await recording.flowing("users/mira", source)
    at_ms = recording.now_ms()
    await mira.hang_up()
    left = await recording.event("left", since_ms=at_ms, participant="users/mira")
    numbers = [track.number for track in recording.tracks("users/mira")]
    for number in numbers:
        await recording.event("track_ended", since_ms=at_ms, track=number)
    await recording.flowing("users/ole", "camera", more=60)
    report = recording.checked()
    assert recording.story("users/mira") == ["joined", "left"]
    assert recording.story("users/ole") == ["joined"]
    assert len(numbers) == 2
    assert {event.track for event in recording.events("track_ended")} == set(numbers)
    ends = {track.number: track.last_ms or 0 for track in report.tracks}
    assert all(ends[number] <= left.ms + 1000 for number in numbers)
    assert all(end > left.ms for number, end in ends.items() if number not in numbers)
    sent_packets_arrived(recording, ole)


async def test_the_same_person_in_a_new_session(room: Room) -> None:
    ole, mira = await room.user("ole"), await room.user("mira")
    await ole.call(BOTH)
    await mira.call(BOTH)
    recording = await room.record()
    await recording.flowing("users/mira", "camera")
    at_ms = recording.now_ms()
    await mira.leave()
    await recording.event("left", since_ms=at_ms, participant="users/mira")
    again = await room.user("mira")
    at_ms = recording.now_ms()
    await again.call(BOTH)
    await recording.event("joined", since_ms=at_ms, participant="users/mira", name="Mira")
    await recording.flowing("users/mira", "camera")
    await recording.flowing("users/mira", "microphone")
    report = recording.checked()
    assert recording.story("users/mira") == ["joined", "left", "joined"]
    assert again.session_id != mira.session_id
    tracks = recording.tracks("users/mira")
    assert [track.session for track in tracks] == [mira.session_id] * 2 + [again.session_id] * 2
    assert sorted(track.source for track in tracks) == ["camera"] * 2 + ["microphone"] * 2
    (person,) = (p for p in report.timeline.participants if p.participant == "users/mira")
    assert len(person.present) == 2
    assert [len(p.present) for p in report.timeline.participants if p is not person] == [1]
    for member in (mira, again, ole):
        sent_packets_arrived(recording, member)


async def test_a_new_session_that_overtakes_the_old_one(room: Room) -> None:
    ole, mira = await room.user("ole"), await room.user("mira")
    await ole.call(BOTH)
    await mira.call(BOTH)
    recording = await room.record()
    await recording.flowing("users/mira", "camera")
    again = await room.user("mira")  # on another device
    at_ms = recording.now_ms()
    await again.call(BOTH)
    for source in SOURCES:
        await recording.event("track_started", since_ms=at_ms, participant="users/mira", source=source)
        await recording.flowing("users/mira", source)
    at_ms = recording.now_ms()
    await mira.leave()
    old = [track.number for track in recording.tracks("users/mira") if track.session == mira.session_id]
    for number in old:
        await recording.event("track_ended", since_ms=at_ms, track=number)
    await recording.flowing("users/mira", "camera")
    recording.checked()
    assert recording.story("users/mira") == ["joined"]  # the person never was away
    assert len(recording.tracks("users/mira")) == 4


async def test_two_guests_of_one_name(room: Room) -> None:
    mira = await room.user("mira", sends=())
    await mira.call(NOTHING)
    first, second = await room.guest("Kim"), await room.guest("Kim")
    await first.call(BOTH)
    await second.call(BOTH)
    recording = await room.record()
    for guest in (first, second):
        for source in SOURCES:
            await recording.flowing(guest.key, source)
    report = recording.checked()
    assert first.key != second.key and first.key.startswith("guests/")
    assert names(report) == {"users/mira": "Mira", first.key: "Kim", second.key: "Kim"}
    for guest in (first, second):
        assert recording.story(guest.key) == ["joined"]
        assert sorted(track.source for track in recording.tracks(guest.key)) == ["camera", "microphone"]
        assert {track.session for track in recording.tracks(guest.key)} == {guest.session_id}
        sent_packets_arrived(recording, guest)


async def test_somebody_who_never_sends(room: Room) -> None:
    ole, cem = await room.user("ole"), await room.user("cem", sends=())
    await ole.call(BOTH)
    recording = await room.record()
    at_ms = recording.now_ms()
    await cem.call(NOTHING)
    await recording.event("joined", since_ms=at_ms, participant="users/cem", name="Cem")
    await recording.flowing("users/ole", "camera", more=40)
    at_ms = recording.now_ms()
    await cem.hang_up()
    left = await recording.event("left", since_ms=at_ms, participant="users/cem")
    report = recording.checked()
    assert recording.story("users/cem") == ["joined", "left"]
    assert recording.tracks("users/cem") == []
    (person,) = (p for p in report.timeline.participants if p.participant == "users/cem")
    assert person.present[0].to_ms == left.ms
    assert {track.participant for track in report.tracks} == {"users/ole"}
