"""What a real browser does to its media in mid-call."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from callrec.recorder.compose.vp8 import parse_vp8
from callrec.recorder.folder.rtp import parse_rtp
from callrec.recorder.folder.track import Track
from tests.e2e.serve_process import ServeProcess
from tests.recorder.situations.browser_sending import BrowserConnection, BrowserSending, running_browser
from tests.recorder.situations.house import BOTH, Room, room_in
from tests.recorder.situations.member import Member
from tests.recorder.situations.recording import Recording, until

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]
Kim = Member[BrowserConnection]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[BrowserSending]:
    async with running_browser() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="module")
async def kim(house: ServeProcess, browser: BrowserSending) -> AsyncIterator[tuple[Kim, Recording]]:
    """A guest who sends microphone and camera from the browser, and is recorded."""
    async with room_in(house) as room:
        kim, recording = await in_a_call(room, browser)
        yield kim, recording


async def in_a_call(room: Room, browser: BrowserSending) -> tuple[Kim, Recording]:
    mira = await room.user("mira", sends=())
    kim = await room.guest_by(browser, "Kim")
    await mira.call(1)
    await kim.call(BOTH)
    recording = await room.record()
    for source in ("microphone", "camera"):
        await recording.flowing(kim.key, source)
    return kim, recording


def the_track(recording: Recording, kim: Kim, source: str) -> Track:
    (track,) = recording.tracks(kim.key, source)
    return track


def codecs(recording: Recording, track: Track) -> list[str]:
    """Return the codecs of a track's packets in the order of their first coming."""
    seen = (track.payload_types[packet[1] & 0x7F].codec for packet in recording.packets(track))
    return [codec for codec in dict.fromkeys(seen) if codec != "rtx"]


@pytest.mark.parametrize(("media", "source"), [("audio", "microphone"), ("video", "camera")])
async def test_muting(kim: tuple[Kim, Recording], media: str, source: str) -> None:
    who, recording = kim
    at_ms = recording.now_ms()
    await who.connection.do("mute", media)
    await who.say({"type": "mute", "roomType": "video", "payload": {"name": media}})
    muted = await recording.event("muted", since_ms=at_ms, participant=who.key, media=media)
    await recording.silent(who.key, source)
    pause_ms = recording.now_ms()
    await recording.flowing(who.key, "camera" if media == "audio" else "microphone", more=40)
    end_ms = recording.now_ms()
    await who.connection.do("unmute", media)
    await who.say({"type": "unmute", "roomType": "video", "payload": {"name": media}})
    await recording.event("unmuted", since_ms=end_ms, participant=who.key, media=media)
    await recording.flowing(who.key, source)
    recording.checked()
    assert recording.story(who.key) == ["joined", f"muted {media}", f"unmuted {media}"]
    assert recording.events("track_ended") == []
    track = the_track(recording, who, source)  # it is one
    moments = [ms for ms, _ in recording.arrivals(track)]
    assert moments[0] < muted.ms and moments[-1] > end_ms
    assert not [ms for ms in moments if pause_ms < ms < end_ms]
    assert len({packet[8:12] for packet in recording.packets(track)} - repairing(recording, track)) == 1


def repairing(recording: Recording, track: Track) -> set[bytes]:
    """Return the SSRCs of retransmissions."""
    rtx = {number for number, kind in track.payload_types.items() if kind.codec == "rtx"}
    return {packet[8:12] for packet in recording.packets(track) if packet[1] & 0x7F in rtx}


async def test_a_camera_that_is_negotiated_away_and_back(kim: tuple[Kim, Recording]) -> None:
    who, recording = kim
    camera, microphone = (the_track(recording, who, source) for source in ("camera", "microphone"))
    at_ms = recording.now_ms()
    await who.connection.do("direct", "video", "inactive")
    await who.renegotiate()
    await recording.event("track_ended", since_ms=at_ms, track=camera.number)
    at_ms = recording.now_ms()
    await who.connection.do("direct", "video", "sendonly")
    await who.renegotiate()
    started = await recording.event("track_started", since_ms=at_ms, participant=who.key, source="camera")
    await recording.flowing(who.key, "camera")
    await recording.flowing(who.key, "microphone")
    report = recording.checked()
    assert [track.number for track in recording.tracks(who.key, "camera")] == [camera.number, started.track]
    assert the_track(recording, who, "microphone").number == microphone.number
    assert recording.story(who.key) == ["joined"]
    first, second = (track for track in report.tracks if track.source == "camera")
    assert (first.last_ms or 0) <= at_ms <= (second.first_ms or 0)


async def test_a_camera_that_is_stopped_and_followed_by_another(kim: tuple[Kim, Recording]) -> None:
    who, recording = kim
    camera = the_track(recording, who, "camera")
    at_ms = recording.now_ms()
    await who.connection.do("stop", "video")
    await who.renegotiate()
    await recording.event("track_ended", since_ms=at_ms, track=camera.number)
    await recording.flowing(who.key, "microphone", more=40)
    at_ms = recording.now_ms()
    await who.connection.do("add", "video")  # in the place of the stopped one, under another name
    await who.renegotiate()
    await recording.event("track_started", since_ms=at_ms, participant=who.key, source="camera")
    for source in ("camera", "microphone"):
        await recording.flowing(who.key, source)
    recording.checked()
    assert len(recording.tracks(who.key, "camera")) == 2
    assert recording.story(who.key) == ["joined"]


async def test_a_restart_of_ice(kim: tuple[Kim, Recording]) -> None:
    who, recording = kim
    old = {track.number for track in recording.tracks(who.key)}
    at_ms = recording.now_ms()
    who.connection.restarts_ice = True
    await who.renegotiate()
    for number in old:
        await recording.event("track_ended", since_ms=at_ms, track=number)
    for source in ("microphone", "camera"):
        await recording.flowing(who.key, source)
    recording.checked()
    assert len(recording.tracks(who.key)) == 4 and recording.story(who.key) == ["joined"]


async def test_a_shared_screen(kim: tuple[Kim, Recording]) -> None:
    who, recording = kim
    spans = []
    for _ in range(2):
        at_ms = recording.now_ms()
        await who.share_screen()
        started = await recording.event("screen_started", since_ms=at_ms, participant=who.key)
        track = await recording.event("track_started", since_ms=at_ms, participant=who.key, source="screen")
        await recording.flowing(who.key, "screen")
        at_ms = recording.now_ms()
        await who.unshare_screen()
        stopped = await recording.event("screen_stopped", since_ms=at_ms, participant=who.key)
        await recording.event("track_ended", since_ms=at_ms, track=track.track)
        spans.append((track.track, started.ms, stopped.ms))
    await recording.flowing(who.key, "camera")
    report = recording.checked()
    assert recording.story(who.key) == ["joined", *("screen_started", "screen_stopped") * 2]
    by_number = {found.number: found for found in report.tracks}
    assert [number for number, _, _ in spans] == [2, 3]
    for number, _, stopped_ms in spans:
        assert number is not None
        found = by_number[number]
        assert found.source == "screen" and (found.last_ms or 0) <= stopped_ms + 1000
    assert the_track(recording, who, "camera").number < 2


async def test_another_resolution(kim: tuple[Kim, Recording]) -> None:
    who, recording = kim
    camera = the_track(recording, who, "camera")

    def sizes() -> list[tuple[int, int]]:
        """Of the keyframes (RFC 6386 section 9.1), each once."""
        return list(dict.fromkeys(size for size in map(keyframe_size, recording.packets(camera)) if size))

    await until(lambda: sizes() == [(320, 240)], "the first resolution")
    await who.connection.page.evaluate("sending.resize(240, 320)")  # the phone is turned
    await until(lambda: sizes() == [(320, 240), (240, 320)], "the second resolution")
    await recording.flowing(who.key, "camera")
    recording.checked()
    assert the_track(recording, who, "camera").number == camera.number
    assert recording.story(who.key) == ["joined"]


def keyframe_size(data: bytes) -> tuple[int, int] | None:
    packet = parse_rtp(data)
    piece = parse_vp8(packet.payload) if packet else None
    if piece is None or not piece.keyframe or piece.data[3:6] != b"\x9d\x01\x2a":
        return None
    width, height = (int.from_bytes(piece.data[at : at + 2], "little") & 0x3FFF for at in (6, 8))
    return width, height


async def test_another_codec(kim: tuple[Kim, Recording]) -> None:
    who, recording = kim
    camera = the_track(recording, who, "camera")
    assert codecs(recording, camera) == ["vp8"]
    await who.connection.do("prefer", ["VP9"])
    await who.renegotiate()
    await until(lambda: codecs(recording, camera) == ["vp8", "vp9"], "VP9")
    await recording.flowing(who.key, "camera")
    report = recording.checked()
    # What the track's description already says needs no other track.
    assert the_track(recording, who, "camera").number == camera.number
    (found,) = (track for track in report.tracks if track.source == "camera")
    assert found.codecs == ["vp8", "vp9"]
    assert recording.story(who.key) == ["joined"]


async def test_a_codec_that_was_not_agreed_on_before(house: ServeProcess, browser: BrowserSending) -> None:
    async with room_in(house) as room:
        who, recording = await in_a_call(room, browser.only("VP8"))
        microphone, camera = (the_track(recording, who, source) for source in ("microphone", "camera"))
        at_ms = recording.now_ms()
        await who.connection.do("prefer", ["VP9"])
        await who.renegotiate()
        started = await recording.event("track_started", since_ms=at_ms, participant=who.key, source="camera")
        ended = await recording.event("track_ended", since_ms=at_ms, track=camera.number)
        await recording.flowing(who.key, "camera")
        report = recording.checked()
        before, after = recording.tracks(who.key, "camera")
        assert (before.number, after.number) == (camera.number, started.track)
        assert (codecs(recording, before), codecs(recording, after)) == (["vp8"], ["vp9"])
        assert started.ms <= ended.ms
        assert the_track(recording, who, "microphone").number == microphone.number
        (first,) = (track for track in report.tracks if track.number == before.number)
        (second,) = (track for track in report.tracks if track.number == after.number)
        # No picture is missing in between: one stream, whose numbers go on.
        numbers = [packet[2:4] for track in (before, after) for packet in media(recording, track)]
        assert numbers == [
            ((int.from_bytes(numbers[0], "big") + n) & 0xFFFF).to_bytes(2, "big") for n in range(len(numbers))
        ]
        assert first.ssrcs == second.ssrcs


def media(recording: Recording, track: Track) -> list[bytes]:
    """Return the packets that are no retransmissions."""
    return [p for p in recording.packets(track) if track.payload_types[p[1] & 0x7F].codec != "rtx"]
