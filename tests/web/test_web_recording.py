"""What the page shows of a recording, from the order to the shared file. The test speaks for the recorder."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Locator, Page, expect

from callrec.wire.constants import RecordingStatus
from callrec.wire.recording import Failed, Started, Stopped
from callrec.wire.speaking_times import Chapter, Interval, SpeakingTimes
from tests.web.recorder import ADMIN, Recorder, write_film

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

ARRIVAL_TIMEOUT_MS = 20_000
"""A notification is looked for every few seconds."""
RECONNECT_TIMEOUT_MS = 10_000
"""The page tries again at least every 4 s."""
SETTINGS = "**/signaling/settings*"
OCS_HEADERS = {"OCS-APIRequest": "true", "Accept": "application/json"}
NewPage = Callable[[], Awaitable[Page]]
HOSTILE = "<img src=x onerror=alert(1)> {file}"
"""What a guest may call himself."""
SAID = SpeakingTimes(
    0,
    [
        Interval("guests/g", HOSTILE, 200, 900, 200, 900),
        Interval("users/mira", "Mira", 1200, 1900, 1200, 1900),
    ],
    [Chapter(0, "Beginning"), Chapter(1100, "Mira speaks")],
)


async def plays(player: Locator) -> None:
    """Wait until the player's file has been played to its end."""
    await player.evaluate("video => { video.muted = true; return video.play(); }")
    await expect(player).to_have_js_property("ended", True, timeout=ARRIVAL_TIMEOUT_MS)
    assert await player.evaluate("video => video.videoWidth") == 320


async def leads_through_the_film(box: Locator) -> None:
    """Check that the rows and chapters below a player tell who speaks, and go there."""
    film, rows = box.locator("video"), box.get_by_label("Speakers").get_by_role("listitem")

    async def stands_at(expected_s: float, speaking: list[str]) -> None:
        await expect(film).to_have_js_property("seeking", False)
        assert await film.evaluate("film => film.currentTime") == pytest.approx(expected_s, abs=0.02)
        await expect(box.locator(".speaker[aria-current] bdi")).to_have_text(speaking)

    await expect(rows).to_have_text([HOSTILE, "Mira"])
    await rows.nth(1).get_by_role("button").click()
    await stands_at(1.2, ["Mira"])
    await expect(box.locator(".chapter[aria-current]")).to_contain_text("Mira speaks")
    await box.page.keyboard.press("ArrowLeft")
    await stands_at(1.2, ["Mira"])  # there is no other time
    await box.get_by_role("button", name="Beginning").press("Enter")
    await stands_at(0, [])
    await rows.nth(0).get_by_role("button").press("ArrowRight")
    await stands_at(0.2, [HOSTILE])
    track = rows.nth(0).locator(".spells")
    size = await track.bounding_box()
    assert size is not None
    await track.click(position={"x": size["width"] / 4, "y": size["height"] / 2})
    await stands_at(0.5, [HOSTILE])


async def press(page: Page, name: str) -> None:
    await page.get_by_role("button", name=name, exact=True).click()


async def test_order_state_notification_and_sharing(
    new_page: NewPage, house_url: str, admin_password: str, recording_secret: str, tmp_path: Path
) -> None:
    moderator, guest = await new_page(), await new_page()
    await guest.add_init_script(
        "window.sockets = [];"
        "window.WebSocket = class extends WebSocket {"
        "  constructor(...given) { super(...given); sockets.push(this); } };"
    )
    await moderator.goto(house_url)
    await moderator.get_by_label("User", exact=True).fill("admin")
    await moderator.get_by_label("Password", exact=True).fill(admin_password)
    await press(moderator, "Sign in")
    await press(moderator, "New conversation")
    await moderator.get_by_label("Conversation name", exact=True).fill("Standup")
    await moderator.get_by_label("Allow guests by link").check()
    await press(moderator, "Create")
    await press(moderator, "Start call")

    await guest.goto(moderator.url)
    await guest.get_by_label("Your name", exact=True).fill("Ann")
    await press(guest, "Join")
    await expect(guest.get_by_role("button", name="Join call", exact=True)).to_be_visible()
    await expect(guest.get_by_role("button", name="Record video")).to_have_count(0)

    states = moderator.get_by_role("status"), guest.get_by_role("status")
    async with httpx.AsyncClient(headers=OCS_HEADERS) as client:
        token = moderator.url.rpartition("/")[2]
        recorder = Recorder(house_url, recording_secret, token, client)

        await press(moderator, "Record video")
        for state in states:
            await expect(state).to_have_text("Recording is starting")
        await recorder.report(Started(token, RecordingStatus.VIDEO, ADMIN))
        for state in states:
            await expect(state).to_have_text("Recording video")
        await guest.route(SETTINGS, lambda route: route.abort())
        await guest.evaluate("sockets.at(-1).close()")
        await expect(states[1]).to_have_text("Reconnecting …")
        await guest.unroute(SETTINGS)
        await expect(states[1]).to_have_text("Recording video", timeout=RECONNECT_TIMEOUT_MS)
        await press(moderator, "Stop recording")
        await recorder.report(Stopped(token, ADMIN))
        for state in states:
            await expect(state).to_be_empty()

        await recorder.store_with(write_film(tmp_path / "Recording 1.mp4"), SAID)
        card = moderator.get_by_role("article").filter(has_text="Call recording now available")
        await plays(card.locator("video"))
        await leads_through_the_film(card)
        await press(moderator, "Share to chat")
        await expect(card).to_have_count(0)
        for page in (moderator, guest):
            shared = page.get_by_label("Chat", exact=True)
            await plays(shared.locator("video"))
            await expect(shared.get_by_role("button", name=HOSTILE)).to_be_visible()

        await press(moderator, "Record audio")
        await expect(states[0]).to_have_text("Recording is starting")
        await recorder.report(Started(token, RecordingStatus.AUDIO, ADMIN))
        for state in states:
            await expect(state).to_have_text("Recording audio")
        await recorder.report(Failed(token))
        for state in states:
            await expect(state).to_have_text("Recording failed")

        await recorder.store(write_film(tmp_path / "Recording 2.mp4"))
        await expect(card).to_be_visible(timeout=ARRIVAL_TIMEOUT_MS)
        await plays(card.locator("video"))
        await expect(card.get_by_label("Who speaks when")).to_have_count(0)  # nobody has told
        await press(moderator, "Later")
        await expect(card).to_have_count(0)
        await press(moderator, "Notifications (1)")
        await press(moderator, "Dismiss notification")
        await expect(card).to_have_count(0)

        await press(moderator, "Recordings")
        found = moderator.get_by_role("region", name="Recordings").get_by_role("listitem")
        await expect(found).to_have_count(2)
        await expect(found.first).to_contain_text("Recording 2.mp4")
        await found.first.get_by_role("button", name="Play", exact=True).click()
        await plays(found.first.locator("video"))
        older = found.nth(1)
        await older.get_by_role("button", name="Play", exact=True).click()
        await leads_through_the_film(older)
        async with moderator.expect_download() as download:
            await older.get_by_role("link", name="Download").click()
        assert (await download.value).suggested_filename == "Recording 1.mp4"


async def test_a_refused_order_is_told_in_a_sentence(
    new_page: NewPage, house_url: str, admin_password: str
) -> None:
    page = await new_page()
    await page.goto(house_url)
    await page.get_by_label("User", exact=True).fill("admin")
    await page.get_by_label("Password", exact=True).fill(admin_password)
    await press(page, "Sign in")
    await press(page, "New conversation")
    await page.get_by_label("Conversation name", exact=True).fill("Standup")
    await press(page, "Create")
    await press(page, "Start call")
    await page.route("**/recording/*", lambda route: route.fulfill(status=500, json={}))
    await press(page, "Record video")
    await expect(page.get_by_role("alert")).to_contain_text("The recording server did not answer.")
