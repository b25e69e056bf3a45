"""What a real Chromium sends with each codec is captured, and can be composed."""

import asyncio
import itertools
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiortc.codecs import CODECS
from playwright.async_api import Page, async_playwright

from callrec.recorder.compose.depacketise import VIDEO_CODECS
from callrec.recorder.compose.ingest import STEP_MS, Ingest
from callrec.recorder.compose.picture import StreamPicture
from callrec.recorder.compose.track_log import Stream
from callrec.recorder.compose.vp9 import parse_vp9
from callrec.recorder.folder.reader import FolderReader, TrackReader
from callrec.recorder.folder.rtp import parse_rtp
from callrec.recorder.folder.track import Track
from tests.e2e.people import CHROMIUM
from tests.recorder.call.peers_world import World
from tests.recorder.capturing import install_seams

pytestmark = pytest.mark.browser

SIZE = (640, 480)
RGB = (200, 60, 30)
FRAMES = 40
"""So many pictures are waited for: some seconds on a busy machine."""

OFFER = """async ({codec, size, rgb, scalabilityMode}) => {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = size;
  const context = canvas.getContext("2d");
  let count = 0;
  setInterval(() => {
    context.fillStyle = `rgb(${rgb})`;
    context.fillRect(0, 0, ...size);
    context.fillStyle = "white";
    context.fillRect((count++ * 4) % (size[0] - 20), 4, 20, 20);
  }, 40);
  const sound = new AudioContext();
  const tone = sound.createOscillator();
  const output = sound.createMediaStreamDestination();
  tone.connect(output);
  tone.start();
  const pc = (window.pc = new RTCPeerConnection());
  pc.addTransceiver(output.stream.getAudioTracks()[0], { direction: "sendonly" });
  const sendEncodings = scalabilityMode ? [{ scalabilityMode }] : [{}];
  const camera = pc.addTransceiver(canvas.captureStream(25).getVideoTracks()[0],
    { direction: "sendonly", sendEncodings });
  window.camera = camera.sender;
  const known = RTCRtpSender.getCapabilities("video").codecs;
  if (codec) camera.setCodecPreferences(
    known.filter((c) => [`video/${codec}`, "video/rtx"].includes(c.mimeType)));
  await pc.setLocalDescription(await pc.createOffer());
  while (pc.iceGatheringState !== "complete")
    await new Promise((resolve) => pc.addEventListener("icegatheringstatechange", resolve, { once: true }));
  return pc.localDescription.sdp;
}"""

CHANGE = """async (codec) => {
  const parameters = window.camera.getParameters();
  parameters.encodings[0].codec = parameters.codecs.find((c) => c.mimeType === `video/${codec}`);
  await window.camera.setParameters(parameters);
}"""


SENT = """async (kind) => {
  const stats = await pc.getStats();
  const sent = [...stats.values()].find((s) => s.type === "outbound-rtp" && s.kind === kind && s.codecId);
  return sent && { codec: stats.get(sent.codecId)?.mimeType, count: sent.framesSent ?? sent.packetsSent };
}"""


@pytest.fixture(autouse=True)
def capturing(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind, codecs in CODECS.items():
        monkeypatch.setitem(CODECS, kind, list(codecs))
    install_seams(monkeypatch)


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    flags = ["--autoplay-policy=no-user-gesture-required", "--disable-gpu"]
    flags += ["--disable-features=WebRtcHideLocalIpsWithMdns"]
    flags += ["--no-sandbox"] if os.geteuid() == 0 else []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        page = await browser.new_page()
        yield page
        await browser.close()


async def call(world: World, page: Page, codec: str | None, **more: Any) -> str:
    """Let the page offer and connect; return the recorder's answer."""
    wanted = {"codec": codec, "size": SIZE, "rgb": RGB, "scalabilityMode": None, **more}
    world.offer(await page.evaluate(OFFER, wanted))
    await world.far.answered.wait()
    answer: str = world.far.sent[0][1]["payload"]["sdp"]
    await page.evaluate("(sdp) => pc.setRemoteDescription({ type: 'answer', sdp })", answer)
    return answer


async def sent(world: World, page: Page, kind: str, codec: str, count: int) -> None:
    """Do a recorder's live duties until the browser has sent that many more pictures or packets so."""
    before: int | None = None
    for number in itertools.count():
        if number % 10 == 0:
            await world.peers.tick(number * 100)
        await asyncio.sleep(0.1)
        told = await page.evaluate(SENT, kind)
        if told and told["codec"] == f"{kind}/{codec}":
            before = told["count"] if before is None else before
            if told["count"] >= before + count:
                return


def composed(world: World) -> tuple[Track, Stream]:
    """Return the camera's track and stream as composition reads them."""
    records = [r.offset_ms for t in world.tracks for r in TrackReader(world.paths, t).poll()]
    ingest = Ingest(FolderReader(world.paths), min(records) // STEP_MS * STEP_MS, video=True)
    ingest.advance(max(records) + 10_000)
    camera = next(track for track in ingest.tracks.values() if track.video)
    (stream,) = camera.streams
    return camera.track, stream


def last_picture(stream: Stream) -> StreamPicture:
    """Decode all."""
    last_ms = stream.frames[-1].at_ms
    picture = StreamPicture(stream.frames)
    picture.advance(last_ms)
    assert picture.size == SIZE
    return picture


def shows_the_canvas(picture: StreamPicture) -> None:
    """Look at the colour."""
    planes = picture.scaled(*SIZE)
    y, u, v = (float(plane[plane.shape[0] // 2 :].mean()) for plane in planes)
    y, u, v = (y - 16) / 219 * 255, (u - 128) / 224 * 255, (v - 128) / 224 * 255
    assert (y + 1.402 * v, y - 0.344 * u - 0.714 * v, y + 1.772 * u) == pytest.approx(RGB, abs=8)


@pytest.mark.parametrize("codec", ["H264", "VP9", "AV1"])
async def test_a_browser_that_offers_one_codec_only(tmp_path: Path, page: Page, codec: str) -> None:
    if not await page.evaluate(
        "(name) => RTCRtpSender.getCapabilities('video').codecs.some((c) => c.mimeType === name)",
        f"video/{codec}",
    ):
        pytest.skip(f"this Chromium has no encoder of {codec}")
    world = World(tmp_path / "recording")
    async with world.running():
        answer = await call(world, page, codec)
        assert f" {codec}/90000" in answer and "VP8" not in answer and "profile-id=2" not in answer
        await sent(world, page, "video", codec, FRAMES)
    track, stream = composed(world)
    assert {p.codec for p in track.payload_types.values()} == {codec.lower(), "rtx"}
    assert {frame.codec for frame in stream.frames} == {codec.lower()}
    assert len(stream.frames) >= FRAMES // 2
    shows_the_canvas(last_picture(stream))


async def test_a_browser_that_offers_all_sends_vp8_and_may_change_in_mid_track(
    tmp_path: Path, page: Page
) -> None:
    world = World(tmp_path / "recording")
    async with world.running():
        await call(world, page, None)
        await sent(world, page, "video", "VP8", FRAMES)
        await page.evaluate(CHANGE, "VP9")
        await sent(world, page, "video", "VP9", FRAMES)
    track, stream = composed(world)
    assert {p.codec for p in track.payload_types.values()} == {*VIDEO_CODECS, "rtx"}
    codecs = [frame.codec for frame in stream.frames]
    assert list(dict.fromkeys(codecs)) == ["vp8", "vp9"] and codecs == sorted(codecs)
    shows_the_canvas(last_picture(stream))


async def test_of_several_spatial_layers_the_highest_is_composed(tmp_path: Path, page: Page) -> None:
    world, size = World(tmp_path / "recording"), (1280, 720)
    async with world.running():
        await call(world, page, "VP9", size=size, scalabilityMode="L3T3_KEY")
        await sent(world, page, "video", "VP9", FRAMES)
    track, stream = composed(world)
    packets = [parse_rtp(r.packet) for r in TrackReader(world.paths, track).poll() if not r.rtcp]
    types = {number for number, known in track.payload_types.items() if known.codec == "vp9"}
    highest: dict[int, int] = {}
    for packet in packets:
        piece = parse_vp9(packet.payload) if packet is not None and packet.payload_type in types else None
        if packet is not None and piece is not None:
            highest[packet.timestamp] = max(piece.layer, highest.get(packet.timestamp, 0))
    assert max(highest.values()) > 0
    # The encoder gives layers up and takes them on again as it thinks that the path allows.
    wanted = [(size[0] >> 2 - layer, size[1] >> 2 - layer) for layer in highest.values()]
    shown, times_ms, picture = [], [frame.at_ms for frame in stream.frames], StreamPicture(stream.frames)
    for at_ms in times_ms:
        picture.advance(at_ms)
        shown.append(picture.size)
    assert len(shown) >= FRAMES // 4 and shown == wanted[-len(shown) :]
    shows_the_canvas(picture)


async def test_sound_is_sent_redundantly(tmp_path: Path, page: Page) -> None:
    world = World(tmp_path / "recording", video=False)
    async with world.running():
        await call(world, page, None)
        await sent(world, page, "audio", "opus", FRAMES)  # by name what is in it
    (track,) = world.tracks
    packets = [parse_rtp(r.packet) for r in TrackReader(world.paths, track).poll() if not r.rtcp]
    assert {track.payload_types[p.payload_type].codec for p in packets if p is not None} == {"red"}
