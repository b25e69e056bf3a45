"""What the page shows of transcripts and summaries: they arrive, are read, shared and dismissed, or fail."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Locator, Page, expect

from callrec.settings import ConversationSettings
from tests.conversation.far_provider import SPOKEN, FarProvider, far_provider
from tests.web.recorder import Recorder, write_film

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

ARRIVAL_TIMEOUT_MS = 20_000
"""A notification is looked for every few seconds."""
OCS_HEADERS = {"OCS-APIRequest": "true", "Accept": "application/json"}
NewPage = Callable[[], Awaitable[Page]]


@pytest_asyncio.fixture(loop_scope="session")
async def far() -> AsyncIterator[FarProvider]:
    async with far_provider() as far:
        yield far


@pytest.fixture
def conversation_settings(far: FarProvider) -> ConversationSettings:
    return ConversationSettings(**far.settings)


@pytest_asyncio.fixture(loop_scope="session")
async def moderator(new_page: NewPage, house_url: str, admin_password: str) -> Page:
    """The administrator in a conversation with a link, on a server that makes transcripts."""
    async with httpx.AsyncClient(auth=("admin", admin_password), headers=OCS_HEADERS) as admin:
        path = "ocs/v2.php/apps/provisioning_api/api/v1/config/apps/spreed/call_recording_transcription"
        (await admin.post(house_url + path, data={"value": "yes"})).raise_for_status()
    page = await new_page()
    await page.goto(house_url)
    await page.get_by_label("User", exact=True).fill("admin")
    await page.get_by_label("Password", exact=True).fill(admin_password)
    await press(page, "Sign in")
    await press(page, "New conversation")
    await page.get_by_label("Conversation name", exact=True).fill("Standup")
    await page.get_by_label("Allow guests by link").check()
    await press(page, "Create")
    await expect(page.get_by_role("heading", name="Standup")).to_be_visible()
    return page


@pytest_asyncio.fixture(loop_scope="session")
async def recorder(house_url: str, recording_secret: str, moderator: Page) -> AsyncIterator[Recorder]:
    async with httpx.AsyncClient(headers=OCS_HEADERS) as client:
        yield Recorder(house_url, recording_secret, moderator.url.rpartition("/")[2], client)


async def press(page: Page | Locator, name: str) -> None:
    await page.get_by_role("button", name=name, exact=True).click()


async def download(page: Page, link: Locator) -> tuple[str, str]:
    """Return name and text of what a link gives."""
    async with page.expect_download() as coming:
        await link.click()
    arrived = await coming.value
    return arrived.suggested_filename, Path(await arrived.path()).read_text()


async def test_texts_arrive_and_are_shared(
    new_page: NewPage, moderator: Page, recorder: Recorder, tmp_path: Path
) -> None:
    await recorder.store(write_film(tmp_path / "Recording 1.mp4"))
    cards = moderator.get_by_role("article")
    await expect(cards).to_have_count(4, timeout=ARRIVAL_TIMEOUT_MS)  # and the conversation itself
    transcript = cards.filter(has_text="Transcript now available")
    summary = cards.filter(has_text="Call summary now available")
    await expect(transcript).to_contain_text("Standup")
    name, text = await download(moderator, transcript.get_by_role("link"))
    assert name == "Recording 1.md"
    assert text.startswith(SPOKEN)

    await press(transcript, "Share to chat")
    await press(summary, "Dismiss notification")
    await expect(transcript).to_have_count(0)
    await expect(summary).to_have_count(0)
    guest = await new_page()
    await guest.goto(moderator.url)
    await guest.get_by_label("Your name", exact=True).fill("Ann")
    await press(guest, "Join")
    assert (await download(guest, guest.get_by_role("link", name="Recording 1.md")))[1] == text

    await press(moderator, "Recordings")
    found = moderator.get_by_role("region", name="Recordings").get_by_role("listitem")
    await expect(found).to_have_count(3)
    await expect(found.get_by_role("button", name="Play")).to_have_count(1)
    await expect(found.get_by_role("link", name="Download")).to_have_count(3)


async def test_a_failure_is_told_and_dismissed(
    moderator: Page, recorder: Recorder, far: FarProvider, tmp_path: Path
) -> None:
    far.mishaps.append(400)
    await recorder.store(write_film(tmp_path / "Recording 1.mp4"))
    card = moderator.get_by_role("article").filter(has_text="Failed to transcript call recording")
    await expect(card).to_contain_text("/Recording 1.mp4 for the call in Standup", timeout=ARRIVAL_TIMEOUT_MS)
    await expect(card.get_by_role("button", name="Share to chat")).to_have_count(0)
    await press(card, "Dismiss notification")
    await expect(card).to_have_count(0)
    await expect(
        moderator.get_by_role("article").filter(has_text="Call recording now available")
    ).to_be_visible()
