"""The page works by whatever address a browser reaches the server, not only by the public one."""

from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

CALL_TIMEOUT_MS = 30_000
"""Chromium's fake devices and ICE take a few seconds on a busy machine."""

NewPage = Callable[[], Awaitable[Page]]


async def press(page: Page, name: str) -> None:
    await page.get_by_role("button", name=name, exact=True).click()


async def test_a_call_between_two_addresses(new_page: NewPage, house_url: str, admin_password: str) -> None:
    """The public URL names 127.0.0.1; behind a forwarded port, for example, people come by another name."""
    moderator, guest = await new_page(), await new_page()
    sockets: list[str] = []
    moderator.on("websocket", lambda socket: sockets.append(socket.url))
    elsewhere = house_url.replace("127.0.0.1", "localhost")
    await moderator.goto(elsewhere)
    await moderator.get_by_label("User", exact=True).fill("admin")
    await moderator.get_by_label("Password", exact=True).fill(admin_password)
    await press(moderator, "Sign in")
    await press(moderator, "New conversation")
    await moderator.get_by_label("Conversation name", exact=True).fill("Standup")
    await moderator.get_by_label("Allow guests by link").check()
    await press(moderator, "Create")
    await press(moderator, "Start call")
    await expect(moderator.locator(".tile")).to_have_count(1, timeout=CALL_TIMEOUT_MS)
    assert sockets[0] == f"{elsewhere.replace('http', 'ws', 1)}signaling/spreed"

    await guest.goto(moderator.url.replace("localhost", "127.0.0.1"))
    await guest.get_by_label("Your name", exact=True).fill("Ann")
    await press(guest, "Join")
    await press(guest, "Join call")
    for page in (moderator, guest):
        await expect(page.locator(".tile")).to_have_count(2, timeout=CALL_TIMEOUT_MS)


async def test_a_foreign_signaling_server_is_asked_where_it_is(new_page: NewPage, bare_page_url: str) -> None:
    page = await new_page()
    await page.route(
        bare_page_url,
        lambda route: route.fulfill(
            content_type="text/html",
            body='<base href="/sub/"><meta name="public-url" content="https://talk.example/sub">',
        ),
    )
    await page.goto(bare_page_url)
    own = f"{bare_page_url}sub/"
    script = "async (a) => { const m = await import('/static/js/base.js'); return a.map(m.reachedAt); }"
    for address, reached in (
        ("https://talk.example/sub/signaling", f"{own}signaling"),
        ("https://talk.example/sub2/signaling", "https://talk.example/sub2/signaling"),
        ("wss://hpb.example/sub/signaling", "wss://hpb.example/sub/signaling"),
    ):
        assert await page.evaluate(script, [address]) == [reached]
