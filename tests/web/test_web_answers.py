"""Answers, messages that were taken back, and news of calls, as the page shows them."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

ARRIVAL_TIMEOUT_MS = 20_000
"""A notification is looked for every few seconds."""
TALK = "apps/spreed/api"
NewPage = Callable[[], Awaitable[Page]]


@pytest_asyncio.fixture(loop_scope="session")
async def admin(house_url: str, admin_password: str) -> AsyncIterator[httpx.AsyncClient]:
    """The administrator as a client of the API."""
    headers = {"OCS-APIRequest": "true", "Accept": "application/json"}
    auth = ("admin", admin_password)
    async with httpx.AsyncClient(base_url=f"{house_url}ocs/v2.php/", auth=auth, headers=headers) as client:
        yield client


async def post(client: httpx.AsyncClient, path: str, **body: Any) -> Any:
    answer = await client.post(path, json=body)
    answer.raise_for_status()
    return answer.json()["ocs"]["data"]


async def open_page(page: Page, url: str, password: str) -> None:
    await page.goto(url)
    await page.get_by_label("User", exact=True).fill("admin")
    await page.get_by_label("Password", exact=True).fill(password)
    await page.get_by_role("button", name="Sign in", exact=True).click()


async def test_answers_and_deleted_messages(
    new_page: NewPage, admin: httpx.AsyncClient, house_url: str, admin_password: str
) -> None:
    token = (await post(admin, f"{TALK}/v4/room", roomType=3, roomName="Standup"))["token"]
    chat = f"{TALK}/v1/chat/{token}"
    question = await post(admin, chat, message="Shall we\nrecord this?")
    reader, late = await new_page(), await new_page()
    await open_page(reader, house_url, admin_password)
    await reader.get_by_role("link", name="Standup").click()
    await expect(reader.get_by_text("Shall we")).to_be_visible()

    await post(admin, chat, message="Yes, please.", replyTo=question["id"])
    answer = reader.locator(".messages li").filter(has_text="Yes, please.")
    await expect(answer.locator("blockquote")).to_have_text("Admin Shall we record this?")

    (await admin.delete(f"{chat}/{question['id']}")).raise_for_status()
    await open_page(late, house_url, admin_password)
    await late.get_by_role("link", name="Standup").click()
    for page in (reader, late):
        answer = page.locator(".messages li").filter(has_text="Yes, please.")
        await expect(answer.locator("blockquote")).to_have_text("Message deleted")
        await expect(page.locator(".messages .deleted")).to_have_text("Message deleted by you")
        await expect(page.get_by_text("Shall we")).to_have_count(0)
        await expect(page.get_by_text("deleted a message")).to_have_count(0)


async def test_news_of_a_call_lead_to_it(
    new_page: NewPage, admin: httpx.AsyncClient, house_url: str, admin_password: str
) -> None:
    await post(admin, "cloud/users", userid="zoe", password="a password of zoe")
    auth = ("zoe", "a password of zoe")
    page = await new_page()
    await open_page(page, house_url, admin_password)
    async with httpx.AsyncClient(base_url=admin.base_url, auth=auth, headers=admin.headers) as zoe:
        token = (await post(zoe, f"{TALK}/v4/room", roomType=2, roomName="Standup"))["token"]
        await post(zoe, f"{TALK}/v4/room/{token}/participants", newParticipant="admin")
        await post(zoe, f"{TALK}/v4/room/{token}/participants/active")
        await post(zoe, f"{TALK}/v4/call/{token}", flags=3)
        card = page.get_by_role("article").filter(has_text="A group call has started in Standup")
        await card.get_by_role("button", name="Open", exact=True).click(timeout=ARRIVAL_TIMEOUT_MS)
    await expect(page.get_by_role("button", name="Join call", exact=True)).to_be_visible()
    await expect(card.get_by_role("button", name="Open", exact=True)).to_have_count(0)
