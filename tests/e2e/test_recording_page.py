"""The recording page in real Chromium: a call of two people as a stock recorder's browser sees it.

Everything runs on ``callrec server``, set up as docs/operating.md says.
"""

import asyncio
import io
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.async_api import Error, Page, Route, expect

from tests.conversation.standalone_server import standalone_server
from tests.e2e.conftest import Album
from tests.e2e.known_media import Likeness, Rgb, known_person_script
from tests.e2e.people import plays
from tests.e2e.recording_house import (
    ADA,
    KEEP_SOCKETS,
    ZOE,
    House,
    ada_calls,
    configure,
    recording_house,
    start_call,
    token_of,
)
from tests.e2e.stock_recorder import get_settings, join_call, leave_call, open_page
from tests.ports import free_port

pytestmark = pytest.mark.browser

COLOUR_TOLERANCE = 12
"""The colours come through VP8 and two conversions; the others are 60 and more off."""
MEDIA_TIMEOUT_MS = 30_000
SIGNALING_SECRET = "the secret of the signaling server"
INTERNAL_SECRET = "the internal secret of the signaling server"

PLAYING = """([name, after]) => {
  const video = document.querySelector(`.recorded .tile[data-name="${name}"] video`);
  return video?.videoWidth > 0 && !video.paused && video.currentTime > after;
}"""
SOUND_LEVELS = """async () => {
  const context = new AudioContext();
  const levels = [...document.querySelectorAll("audio")].map(async (audio) => {
    const [track] = audio.srcObject.getAudioTracks();
    const analyser = new AnalyserNode(context, { fftSize: 2048 });
    context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
    const before = audio.currentTime;
    const samples = new Float32Array(analyser.fftSize);
    let peak = 0;
    for (let i = 0; i < 100 && (peak < 0.01 || audio.currentTime === before); i += 1) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      analyser.getFloatTimeDomainData(samples);
      peak = Math.max(peak, ...samples);
    }
    const moved = audio.currentTime > before;
    return { live: track.readyState === "live", paused: audio.paused, muted: audio.muted, moved, peak };
  });
  return Promise.all(levels);
}"""


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with recording_house(tmp_path) as house:
        yield house


async def eventually(condition: Callable[[], object], timeout_s: float = 20) -> None:
    """Wait until *condition* holds; frames and tasks of the other side tell nobody."""
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.05)


async def sees_playing(page: Page, person: Likeness, for_s: float = 1) -> None:
    """Wait until the recording page plays *person*'s picture, for so long from now."""
    tile = page.locator(f'.recorded .tile[data-name="{person.name}"]')
    await tile.wait_for(timeout=MEDIA_TIMEOUT_MS)
    now_s = await tile.locator("video").evaluate("video => video.currentTime")
    await page.wait_for_function(PLAYING, arg=[person.name, now_s + for_s], timeout=MEDIA_TIMEOUT_MS)


async def colour_of(page: Page, person: Likeness) -> Rgb:
    """Return the median colour of *person*'s tile, as a screenshot of the page shows it."""
    box = await page.locator(f'.recorded .tile[data-name="{person.name}"]').bounding_box()
    assert box is not None
    picture = Image.open(io.BytesIO(await page.screenshot())).convert("RGB")
    left, top = int(box["x"] + 0.2 * box["width"]), int(box["y"])
    inside = picture.crop((left, top, left + int(0.6 * box["width"]), top + int(box["height"])))
    red, green, blue = np.median(np.asarray(inside), axis=(0, 1))
    return int(red), int(green), int(blue)


async def shows_everybody(page: Page) -> None:
    """Assert that both are seen under their names, and heard; and that there is nothing else."""
    for person in (ADA, ZOE):
        await sees_playing(page, person)
        name = page.locator(f'.recorded .tile[data-name="{person.name}"] .name')
        await expect(name).to_be_visible()
        await expect(name).to_have_text(person.name)
        off = np.abs(np.subtract(await colour_of(page, person), person.colour))
        assert off.max() <= COLOUR_TOLERANCE, f"{person.name}: off by {off}"
    await expect(page.locator(".recorded .tile")).to_have_count(2)
    await expect(page.locator("audio")).to_have_count(2)
    for sound in await page.evaluate(SOUND_LEVELS):
        peak = sound.pop("peak")
        assert sound == {"live": True, "paused": False, "muted": False, "moved": True}
        assert peak > 0.01
    assert await page.get_by_role("button").count() == 0
    covered = await page.locator(".recorded").bounding_box()
    assert covered == {"x": 0, "y": 0, "width": 1280, "height": 720}


async def test_a_stock_recorder_from_start_to_film(house: House, album: Album) -> None:
    call, recorder = await start_call(house), house.recorder
    address = f"{house.server.url}/index.php/call/{call.token}/recording"
    assert (await call.ada.page.request.get(address)).status == 404  # nothing is starting

    await call.ada.press("Record video")
    await call.ada.sees_recording("Recording video")
    await call.zoe.sees_recording("Recording video")
    assert recorder.page is not None
    await shows_everybody(recorder.page)
    await album.keep(recorder.page, "recording-page")
    await eventually(lambda: len(call.listener.internal()) == 1)
    assert call.listener.internal()[0]["inCall"] == 1
    for someone in (call.ada, call.zoe):  # people see no tile of it
        await expect(someone.page.locator(".tile")).to_have_count(2)
    assert (await call.ada.page.request.get(address)).status == 404  # a reload comes too late

    await call.zoe.press("Leave call")
    await expect(recorder.page.locator(".recorded .tile")).to_have_count(1)
    await sees_playing(recorder.page, ADA)
    await call.zoe.press("Join call")
    await shows_everybody(recorder.page)

    known = set(call.listener.users)
    os.kill(house.server.child("server"), signal.SIGKILL)
    await house.server.wait_event("program_ready", count=2)
    await eventually(lambda: {user["sessionId"] for user in call.listener.internal()} - known)
    await shows_everybody(recorder.page)

    await call.ada.press("Stop recording")
    await call.ada.sees_recording("")
    await eventually(lambda: not {user["sessionId"] for user in call.listener.internal()} - known)
    await recorder.finished()
    assert recorder.answers == [("started", 200), ("stopped", 200), ("store", 200)]
    actor = b'{"type":"users","id":"admin"}'
    assert recorder.bodies == [
        b'{"type":"start","start":{"status":1,"owner":"admin","actor":' + actor + b"}}",
        b'{"type":"stop","stop":{"actor":' + actor + b"}}",
    ]
    card = call.ada.page.get_by_role("article").filter(has_text="Call recording now available")
    await plays(card.locator("video"), 0.5)


@asynccontextmanager
async def embedded(house: House, folder: Path) -> AsyncIterator[str]:
    """Give the internal secret of the server's own signaling."""
    yield next(iter(house.recorder.internal_secrets.values()))


@asynccontextmanager
async def standalone(house: House, folder: Path) -> AsyncIterator[str]:
    """Run the real standalone signaling server for *house*; gives its internal secret."""
    async with standalone_server(
        folder,
        free_port(),
        backend_url=house.server.url,
        secret=SIGNALING_SECRET,
        internal_secret=INTERNAL_SECRET,
    ) as url:
        value = {"servers": [{"server": url}], "secret": SIGNALING_SECRET}
        await configure(house.server, "signaling_servers", value)
        yield INTERNAL_SECRET


@pytest.mark.parametrize("signaling", [embedded, pytest.param(standalone, marks=pytest.mark.hpb)])
async def test_it_joins_comes_back_and_leaves(
    house: House, tmp_path: Path, signaling: Callable[[House, Path], Any]
) -> None:
    async with signaling(house, tmp_path) as internal_secret:
        house.recorder.takes_part = False
        call, page = await start_call(house), await house.page(KEEP_SOCKETS)
        await call.ada.press("Record video")
        await call.ada.sees_recording("Recording is starting")
        backend = f"{house.server.url}/"
        assert await open_page(page, backend, call.token) == 200

        async def join(secret: str) -> None:
            await join_call(page, backend, call.token, settings, secret)

        await refused(get_settings(page, call.token, "wrong"), "401")
        settings = await get_settings(page, call.token, house.recorder.secret)
        assert settings["signalingMode"] == "external"
        await refused(join("wrong"), "invalid_token")
        await join(internal_secret)
        await eventually(lambda: [user["inCall"] for user in call.listener.internal()] == [1])
        await shows_everybody(page)

        # The connection to signaling breaks: what flows goes on, and the others call the new session.
        (before,) = (user["sessionId"] for user in call.listener.internal())
        await page.evaluate("sockets.at(-1).close()")
        await sees_playing(page, ZOE, for_s=3)
        await eventually(lambda: any(user["sessionId"] != before for user in call.listener.internal()))
        await shows_everybody(page)

        await leave_call(page)
        await expect(page.locator(".recorded .tile, audio")).to_have_count(0)
        await eventually(lambda: {user["sessionId"] for user in call.listener.internal()} <= {before})


async def test_it_calls_those_who_wait_for_a_call(house: House) -> None:
    house.recorder.takes_part = False
    page = await house.page(known_person_script(ADA))

    async def never_call(route: Route) -> None:
        """Make Ada a client that calls nobody: some go by the session ids alone."""
        await route.fulfill(
            content_type="text/javascript",
            body='export const FALLBACK_MS = 3600000; export const plan = () => "wait";',
        )

    await page.route("**/logic/callers.js", never_call)
    ada = await ada_calls(house, page)
    await ada.press("Record video")
    await ada.sees_recording("Recording is starting")
    page, backend, token = await house.page(), f"{house.server.url}/", token_of(ada)
    assert await open_page(page, backend, token) == 200
    settings = await get_settings(page, token, house.recorder.secret)
    await join_call(page, backend, token, settings, house.recorder.internal_secrets[settings["server"]])
    await sees_playing(page, ADA)
    await expect(page.locator("audio")).to_have_count(1)


async def refused(attempt: Awaitable[object], words: str) -> None:
    """Assert that *attempt* fails, and says why."""
    with pytest.raises(Error, match=words):
        await attempt
