"""Two people in two browsers: they see each other's moving pictures, write to each other, and part."""

from collections.abc import Awaitable, Callable

import httpx
import pytest
from playwright.async_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

CALL_TIMEOUT_MS = 30_000
"""Chromium's fake devices and ICE take a few seconds on a busy machine."""
MOVED_S = 1.0
"""A picture moves when its element has played at least this much further."""

NewPage = Callable[[], Awaitable[Page]]


# The start is kept per element: a tile may be replaced while we look.
PICTURE_MOVES = """([name, movedS]) => {
  const video = document.querySelector(`.tile[data-name="${name}"] video`);
  if (!video || !video.checkVisibility({ visibilityProperty: true }) || !video.videoWidth) return false;
  const starts = (window.pictureStarts ??= new WeakMap());
  if (!starts.has(video)) starts.set(video, video.currentTime);
  return video.currentTime > starts.get(video) + movedS;
}"""


async def picture_moves(page: Page, name: str) -> None:
    """Wait until the tile of *name* shows a picture that goes on."""
    await page.evaluate("() => { delete window.pictureStarts; }")
    await page.wait_for_function(PICTURE_MOVES, arg=[name, MOVED_S], timeout=CALL_TIMEOUT_MS)


async def sign_in(page: Page, url: str, user: str, password: str) -> None:
    await page.goto(url)
    await page.get_by_label("User", exact=True).fill(user)
    await page.get_by_label("Password", exact=True).fill(password)
    await page.get_by_role("button", name="Sign in", exact=True).click()


async def press(page: Page, name: str) -> None:
    await page.get_by_role("button", name=name, exact=True).click()


async def make_conversation(page: Page, name: str) -> None:
    await press(page, "New conversation")
    await page.get_by_label("Conversation name", exact=True).fill(name)
    await page.get_by_label("Allow guests by link").check()
    await press(page, "Create")
    await expect(page.get_by_role("heading", name=name)).to_be_visible()


async def write(page: Page, text: str) -> None:
    await page.get_by_label("Message", exact=True).fill(text)
    await press(page, "Send")


async def test_wrong_password(new_page: NewPage, house_url: str) -> None:
    page = await new_page()
    await sign_in(page, house_url, "admin", "not it")
    await expect(page.get_by_role("alert")).to_have_text("User or password is wrong.")


async def test_user_and_guest_in_one_call(new_page: NewPage, house_url: str, admin_password: str) -> None:
    moderator, guest = await new_page(), await new_page()
    for page in (moderator, guest):
        await without_fallback(page)
    await sign_in(moderator, house_url, "admin", admin_password)
    await make_conversation(moderator, "Standup")

    await guest.goto(moderator.url)
    await guest.get_by_label("Your name", exact=True).fill("Gast Ä")
    await press(guest, "Join")
    await expect(guest.get_by_role("heading", name="Standup")).to_be_visible()

    await write(guest, "Are you there?")
    await expect(moderator.get_by_text("Are you there?")).to_be_visible()
    await write(moderator, "Yes, let us begin.")
    await expect(guest.get_by_text("Yes, let us begin.")).to_be_visible()

    await press(moderator, "Start call")
    await press(guest, "Join call")
    await picture_moves(moderator, "Gast Ä")
    await picture_moves(guest, "Admin")
    await picture_moves(guest, "Gast Ä")
    tops = await moderator.locator(".callbar button").evaluate_all("all => all.map((one) => one.offsetTop)")
    assert (len(tops), len(set(tops))) == (6, 1), "the buttons stand in one row"
    await expect(guest.locator(".tile")).to_have_count(2)

    await press(moderator, "Mute microphone")
    await expect(guest.locator('.tile[data-name="Admin"]').get_by_label("Microphone off")).to_be_visible()
    await press(guest, "Turn camera off")
    await expect(moderator.locator('.tile[data-name="Gast Ä"] video')).to_be_hidden()
    await press(guest, "Turn camera on")
    await picture_moves(moderator, "Gast Ä")

    await press(guest, "Leave call")
    await expect(moderator.locator(".tile")).to_have_count(1)
    await press(guest, "Join call")
    await picture_moves(moderator, "Gast Ä")
    await press(moderator, "End call for everyone")
    await expect(guest.get_by_role("alert")).to_contain_text("The call has ended.")
    await expect(guest.get_by_role("button", name="Start call", exact=True)).to_be_visible()


async def without_fallback(page: Page) -> None:
    """Whoever waits for a call waits for ever: a call that should be made at once is not made later."""
    await page.add_init_script(
        "const real = window.setTimeout;"
        "window.setTimeout = (f, ms, ...given) => (ms === 10_000 ? 0 : real(f, ms, ...given));"
    )


async def test_consent_is_asked_for_before_the_call(
    new_page: NewPage, house_url: str, admin_password: str
) -> None:
    async with httpx.AsyncClient(auth=("admin", admin_password), headers={"OCS-APIRequest": "true"}) as admin:
        path = "ocs/v2.php/apps/provisioning_api/api/v1/config/apps/spreed/recording_consent"
        (await admin.post(house_url + path, data={"value": "1"})).raise_for_status()
    page = await new_page()
    await sign_in(page, house_url, "admin", admin_password)
    await make_conversation(page, "Standup")
    await expect(page.get_by_role("button", name="Start call", exact=True)).to_be_disabled()
    await page.get_by_label("I agree that this call may be recorded").check()
    await press(page, "Start call")
    await picture_moves(page, "Admin")


async def test_signaling_comes_back_during_a_call(
    new_page: NewPage, house_url: str, admin_password: str
) -> None:
    moderator, guest = await new_page(), await new_page()
    for page in (moderator, guest):
        await without_fallback(page)
    await guest.add_init_script(
        "window.sockets = [];"
        "window.WebSocket = class extends WebSocket {"
        "  constructor(...given) { super(...given); sockets.push(this); } };"
    )
    await sign_in(moderator, house_url, "admin", admin_password)
    await make_conversation(moderator, "Standup")
    await guest.goto(moderator.url)
    await guest.get_by_label("Your name", exact=True).fill("Ann")
    await press(guest, "Join")
    await press(moderator, "Start call")
    await press(guest, "Join call")
    await picture_moves(moderator, "Ann")

    await guest.evaluate("sockets.at(-1).close()")
    await guest.wait_for_function("() => sockets.length === 2 && sockets[1].readyState === WebSocket.OPEN")
    await picture_moves(moderator, "Ann")
    await picture_moves(guest, "Admin")
    await expect(moderator.locator(".tile")).to_have_count(2)
