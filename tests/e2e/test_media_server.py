"""A real browser publishes through a real media server, and is recorded from there."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from playwright.async_api import Page, async_playwright

from callrec.recorder.folder.reader import FolderReader
from tests.conversation.standalone_server import StandaloneServer
from tests.e2e.caller import API, PASSWORD, Client, new_user
from tests.e2e.film import chroma, tone_level, watch
from tests.e2e.known_media import ZOE, write_camera_file, write_microphone_file
from tests.e2e.people import browser_of
from tests.e2e.recording_house import configure
from tests.e2e.serve_process import ServeProcess
from tests.ports import free_port
from tests.recorder.captured import media, missing
from tests.recorder.janus import running_janus

pytestmark = [pytest.mark.browser, pytest.mark.hpb]

SECRET = "the secret of the signaling server"
INTERNAL_SECRET = "the internal secret of the signaling server"
VIDEO = 1
PICTURES = 150
"""Packets of video between two mutes: five seconds, as a picture of the fake camera fits into one."""
SETTLED_S = 0.5
"""Several times what packets take to the browser's statistics and to the recording folder."""
PUBLISHED_WITHIN_S, SENT_WITHIN_S = 40, 40
CHROMA_TOLERANCE, TONE_OVER_FLOOR = 12, 40
"""As in the story of two browsers."""
SOURCES = {"audio": "microphone", "video": "camera"}
CLIENT = Path(__file__).with_name("media_server_client.js")


@pytest.fixture
async def serve(tmp_path: Path) -> AsyncIterator[ServeProcess]:
    """The product, with the signaling server that current Talk asks for, and a media server."""
    process = ServeProcess(tmp_path / "data")
    with running_janus(tmp_path / "janus") as janus:
        signaling = StandaloneServer(
            tmp_path,
            free_port(),
            backend_url=process.url,
            secret=SECRET,
            internal_secret=INTERNAL_SECRET,
            media_server=janus.url,
            version="2.0",
        )
        process.data.mkdir()
        (process.data / "callrec.toml").write_text(
            f'[[recorder.signalings]]\nurl = "{signaling.url}"\nsecret = "{INTERNAL_SECRET}"\n'
        )
        try:
            await process.start()
            await signaling.start()
            await configure(
                process, "signaling_servers", {"servers": [{"server": signaling.url}], "secret": SECRET}
            )
            yield process
            assert process.stop() == 0, process.log_text()[-4000:]
        finally:
            process.kill()
            await signaling.kill()


def captured(serve: ServeProcess) -> dict[str, dict[int, bytes]]:
    """Return the packets of each kind in the one recording's folder."""
    (root,) = (serve.data / "recorder/recordings").glob("*/")
    reader = FolderReader.at(root)
    return {kind: media(reader, f"users/zoe {source}") for kind, source in SOURCES.items()}


async def when_muted(serve: ServeProcess, page: Page) -> dict[str, tuple[int, int]]:
    """Mute; return for each kind how many packets the browser has sent and the recorder has captured."""
    await page.evaluate("mute()")
    counted: dict[str, tuple[int, int]] = {}
    while True:
        before, sent = counted, await page.evaluate("sent()")
        counted = {kind: (sent[kind], len(packets)) for kind, packets in captured(serve).items()}
        if counted == before:
            return counted
        await asyncio.sleep(SETTLED_S)


async def record(serve: ServeProcess, page: Page, client: Client, token: str) -> None:
    """Record until the browser has sent enough; between two mutes it sends what the recorder captures."""
    await client.ocs("POST", f"{API}/v1/recording/{token}", status=VIDEO)
    await serve.wait_event("recording_started")
    async with asyncio.timeout(SENT_WITHIN_S):
        while not all(captured(serve).values()):
            await asyncio.sleep(0.05)
    before = await when_muted(serve, page)
    await page.evaluate("unmute()")
    goal = before["video"][0] + PICTURES
    await asyncio.wait_for(page.evaluate("goal => sentVideo(goal)", goal), SENT_WITHIN_S)
    after = await when_muted(serve, page)
    for kind, packets in captured(serve).items():
        sent, kept = (now - then for now, then in zip(after[kind], before[kind], strict=True))
        print(f"{kind}: {sent} packets sent, {kept} captured; {len(packets)} in all")
        assert kept == sent > 0
        assert missing(packets) == []
    await client.ocs("DELETE", f"{API}/v1/recording/{token}")


@pytest.mark.timeout(170)
async def test_a_browser_is_recorded_from_a_media_server(serve: ServeProcess, tmp_path: Path) -> None:
    camera, microphone = tmp_path / "zoe.mjpeg", tmp_path / "zoe.wav"
    write_camera_file(camera, ZOE)
    write_microphone_file(microphone, ZOE)
    async with (
        async_playwright() as playwright,
        browser_of(playwright, ZOE, script=CLIENT.read_text(), camera=camera, microphone=microphone) as zoe,
        new_user(serve.url, "zoe") as client,
    ):
        token = (await client.ocs("POST", f"{API}/v4/room", roomType=3, roomName="Far"))["token"]
        await zoe.page.goto(f"{serve.url}/status.php")  # any page without a script of its own
        who = {"user": "zoe", "password": PASSWORD, "token": token}
        await asyncio.wait_for(zoe.page.evaluate("who => publish(who)", who), PUBLISHED_WITHIN_S)
        await record(serve, zoe.page, client, token)
        await serve.wait_event("recording_state", state="retained")
        (path,) = await client.film_paths()
        answer = await client.http.get(f"/remote.php/dav/files/zoe/{path}")
    film_path = tmp_path / "film.mp4"
    film_path.write_bytes(answer.content)
    film = watch(film_path, people=1)
    (tile,) = film.tiles
    assert np.median(tile.colour, axis=0)[1:] == pytest.approx(chroma(ZOE.colour), abs=CHROMA_TOLERANCE)
    print(f"{tile.moved.sum()} of {len(film.times_ms)} pictures moved")
    assert tile.moved.sum() > PICTURES / 2
    assert tone_level(film.sound, ZOE.tone_hz) > TONE_OVER_FLOOR > tone_level(film.sound, 550)
