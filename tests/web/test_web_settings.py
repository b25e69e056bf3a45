"""What moderators set, and what others meet because of it: password, lobby, consent, roles, removal."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Locator, Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

OCS_HEADERS = {"OCS-APIRequest": "true", "Accept": "application/json"}
NewPage = Callable[[], Awaitable[Page]]
LOBBY_TIMEOUT_MS = 20_000
"""The page looks every 5 s, and the machine may be busy."""


@pytest_asyncio.fixture(loop_scope="session")
async def admin(house_url: str, admin_password: str) -> AsyncIterator[httpx.AsyncClient]:
    """The administrator as a client of the API."""
    base = f"{house_url}ocs/v2.php/"
    async with httpx.AsyncClient(
        base_url=base, auth=("admin", admin_password), headers=OCS_HEADERS
    ) as client:
        yield client


async def rooms_decide_on_consent(admin: httpx.AsyncClient) -> None:
    path = "apps/provisioning_api/api/v1/config/apps/spreed/recording_consent"
    (await admin.post(path, data={"value": "2"})).raise_for_status()


async def add_user(admin: httpx.AsyncClient, user_id: str, password: str) -> None:
    (await admin.post("cloud/users", json={"userid": user_id, "password": password})).raise_for_status()


async def press(page: Page | Locator, name: str) -> None:
    await page.get_by_role("button", name=name, exact=True).click()


async def sign_in(page: Page, url: str, user: str, password: str) -> None:
    await page.goto(url)
    await page.get_by_label("User", exact=True).fill(user)
    await page.get_by_label("Password", exact=True).fill(password)
    await press(page, "Sign in")


async def make_conversation(page: Page, *, guests: bool = True) -> None:
    await press(page, "New conversation")
    await page.get_by_label("Conversation name", exact=True).fill("Standup")
    await page.get_by_label("Allow guests by link").set_checked(guests)
    await press(page, "Create")
    await expect(page.get_by_role("heading", name="Standup")).to_be_visible()


async def tab(page: Page, name: str) -> None:
    await page.get_by_role("tab", name=name, exact=True).click()


@pytest_asyncio.fixture(loop_scope="session")
async def moderator(new_page: NewPage, house_url: str, admin_password: str) -> Page:
    """The administrator in a conversation with a link."""
    page = await new_page()
    await sign_in(page, house_url, "admin", admin_password)
    await make_conversation(page)
    return page


async def come_as_guest(page: Page, url: str, name: str) -> None:
    await page.goto(url)
    await page.get_by_label("Your name", exact=True).fill(name)
    await press(page, "Join")


async def said_by_system(page: Page, text: str) -> None:
    await expect(page.locator(".messages .system").filter(has_text=text)).to_have_count(1)


async def person(page: Page, name: str) -> Locator:
    return page.get_by_role("region", name="People").get_by_role("listitem").filter(has_text=name)


async def test_password_lobby_and_consent(
    new_page: NewPage, admin: httpx.AsyncClient, house_url: str, admin_password: str
) -> None:
    await rooms_decide_on_consent(admin)
    moderator, guest = await new_page(), await new_page()
    await sign_in(moderator, house_url, "admin", admin_password)
    await make_conversation(moderator)

    await tab(moderator, "Settings")
    await moderator.get_by_label("Password for those who come by the link").fill("open sesame")
    await press(moderator, "Set password")
    await expect(moderator.get_by_role("button", name="Remove password", exact=True)).to_be_visible()
    await moderator.get_by_label("Lobby", exact=True).check()
    await expect(moderator.locator(".head .badge")).to_have_text("lobby")
    await tab(moderator, "Chat")
    await said_by_system(moderator, "You set a password")
    await said_by_system(moderator, "You sent everyone but moderators to the lobby")

    await come_as_guest(guest, moderator.url, "Gast Ä")
    password = guest.get_by_label("Password of the conversation")
    await expect(password).to_be_focused()
    await password.fill("open barley")
    await password.press("Enter")
    await expect(guest.get_by_role("alert")).to_have_text("This is not the password of the conversation.")
    await password.fill("open sesame")
    await press(guest, "Come in")
    await expect(guest.get_by_role("heading", name="You are in the lobby")).to_be_visible()
    await expect(guest.get_by_role("button", name="Start call", exact=True)).to_have_count(0)
    await expect(guest.get_by_label("Chat", exact=True)).to_have_count(0)

    await tab(moderator, "People")
    waiting = await person(moderator, "Gast Ä")
    await expect(waiting).to_contain_text("in the lobby")
    await press(waiting, "Let in")
    await expect(guest.get_by_label("Message", exact=True)).to_be_visible(timeout=LOBBY_TIMEOUT_MS)
    await expect(waiting).not_to_contain_text("in the lobby")

    await tab(moderator, "Settings")
    consent = moderator.get_by_label("Ask for consent to recording")
    await consent.check()
    await expect(consent).to_be_checked()
    await press(guest, "Start call")  # nobody has told this page yet
    await expect(guest.get_by_role("alert")).to_contain_text(
        "To join this call, agree first that it may be recorded."
    )
    await guest.get_by_label("I agree that this call may be recorded").check()
    await press(guest, "Start call")
    await expect(guest.locator(".tile")).to_have_count(1)

    await press(moderator, "End call for everyone")
    await expect(guest.get_by_role("alert")).to_contain_text("The call has ended.")
    await expect(moderator.get_by_role("button", name="End call for everyone", exact=True)).to_have_count(0)


async def test_who_is_sent_to_the_lobby_comes_back_when_it_opens(new_page: NewPage, moderator: Page) -> None:
    guest = await new_page()
    await come_as_guest(guest, moderator.url, "Ann")
    await press(guest, "Start call")
    await expect(guest.locator(".tile")).to_have_count(1)
    await tab(moderator, "Settings")
    lobby = moderator.get_by_label("Lobby", exact=True)
    await lobby.press("Space")
    await expect(guest.get_by_role("heading", name="You are in the lobby")).to_be_visible()
    await expect(guest.locator(".tile")).to_have_count(0)
    await expect(lobby).to_be_focused()

    await lobby.press("Space")
    await expect(guest.get_by_role("button", name="Start call", exact=True)).to_be_visible()
    await expect(guest.get_by_role("alert")).to_have_count(0)
    await tab(moderator, "Chat")
    await moderator.get_by_label("Message", exact=True).fill("Welcome back.")
    await press(moderator, "Send")
    await expect(guest.get_by_text("Welcome back.")).to_be_visible()


async def test_the_lobby_opens_when_its_time_comes(
    new_page: NewPage, admin: httpx.AsyncClient, moderator: Page
) -> None:
    """Nobody tells the page: its connection to the signaling server is gone."""
    guest = await new_page()
    await guest.route("**/signaling/settings*", lambda route: route.abort())
    path = f"apps/spreed/api/v4/room/{moderator.url.rpartition('/')[2]}/webinar/lobby"
    (await admin.put(path, json={"state": 1, "timer": int(time.time()) + 3600})).raise_for_status()
    await come_as_guest(guest, moderator.url, "Ann")
    await expect(guest.get_by_text("The conversation opens on")).to_be_visible()
    opens_s = int(time.time()) + 2
    (await admin.put(path, json={"state": 1, "timer": opens_s})).raise_for_status()
    await expect(guest.get_by_label("Message", exact=True)).to_be_visible(timeout=LOBBY_TIMEOUT_MS)
    assert time.time() >= opens_s


async def test_too_many_wrong_passwords(new_page: NewPage, moderator: Page) -> None:
    guest = await new_page()
    await tab(moderator, "Settings")
    await moderator.get_by_label("Password for those who come by the link").fill("open sesame")
    await press(moderator, "Set password")
    await expect(moderator.get_by_role("button", name="Change password", exact=True)).to_be_visible()
    await come_as_guest(guest, moderator.url, "Ann")
    await guest.get_by_label("Password of the conversation").fill("wrong")
    await guest.route("**/participants/active", lambda route: route.fulfill(status=429, json={}))
    await press(guest, "Come in")
    await expect(guest.get_by_role("alert")).to_have_text("Too many attempts. Wait a while and try again.")


async def test_coming_back_needs_no_password(new_page: NewPage, moderator: Page) -> None:
    guest = await new_page()
    await tab(moderator, "Settings")
    await moderator.get_by_label("Password for those who come by the link").fill("open sesame")
    await press(moderator, "Set password")
    await expect(moderator.get_by_role("button", name="Change password", exact=True)).to_be_visible()
    await come_as_guest(guest, moderator.url, "Ann")
    await guest.get_by_label("Password of the conversation").fill("open sesame")
    await press(guest, "Come in")
    await expect(guest.get_by_role("heading", name="Standup")).to_be_visible()
    await come_as_guest(guest, moderator.url, "Ann")
    await expect(guest.get_by_role("heading", name="Standup")).to_be_visible()

    await press(moderator, "Remove password")
    await expect(moderator.get_by_role("button", name="Set password", exact=True)).to_be_visible()


async def test_name_and_link(new_page: NewPage, moderator: Page) -> None:
    guest = await new_page()
    await come_as_guest(guest, moderator.url, "Ann")
    await expect(guest.get_by_role("heading", name="Standup")).to_be_visible()

    await tab(moderator, "Settings")
    name = moderator.get_by_label("Name", exact=True)
    await name.fill("  ")
    await press(moderator, "Save name")
    await expect(moderator.get_by_role("alert")).to_have_text("The name must not be empty.")
    await name.fill("Retrospective")
    await name.press("Enter")
    for page in (moderator, guest):
        await expect(page.get_by_role("heading", name="Retrospective")).to_be_visible()
    await expect(moderator.get_by_role("button", name="Save name", exact=True)).to_have_count(0)
    await expect(moderator.get_by_label("Ask for consent to recording")).to_have_count(0)

    link = moderator.get_by_label("Allow guests by link")
    await link.uncheck()
    await expect(moderator.get_by_text("Only people who were added can come in.")).to_be_visible()
    await expect(moderator.get_by_label("Password for those who come by the link")).to_have_count(0)
    await expect(guest.get_by_role("alert")).to_contain_text("or you were removed from it")
    await moderator.route("**/public", lambda route: route.fulfill(status=500, json={}))
    await link.click()
    await expect(moderator.get_by_role("alert")).to_contain_text("The server had a problem.")
    await expect(link).not_to_be_checked()


async def test_roles_and_removal(new_page: NewPage, admin: httpx.AsyncClient, house_url: str) -> None:
    await add_user(admin, "zoe", "a password of zoe")
    await add_user(admin, "mira", "a password of mira")
    mira, zoe = await new_page(), await new_page()
    await sign_in(mira, house_url, "mira", "a password of mira")
    await make_conversation(mira, guests=False)
    await tab(mira, "People")
    await mira.get_by_label("Account to add", exact=True).fill("zoe")
    await press(mira, "Add")
    other = await person(mira, "zoe")
    await sign_in(zoe, house_url, "zoe", "a password of zoe")
    await zoe.get_by_role("link", name="Standup").click()
    await expect(zoe.get_by_role("heading", name="Standup")).to_be_visible()
    settings = zoe.get_by_role("tab", name="Settings", exact=True)
    await expect(settings).to_have_count(0)

    await press(other, "Make moderator")
    await expect(other).to_contain_text("Moderator")
    await settings.click()
    await expect(zoe.get_by_label("Name", exact=True)).to_have_value("Standup")
    await press(other, "Take role away")
    await expect(settings).to_have_count(0)
    await expect(zoe.get_by_label("Message", exact=True)).to_be_visible()

    await press(other, "Remove …")
    await press(other, "Keep")
    await expect(other.get_by_role("button", name="Make moderator")).to_be_visible()
    await press(other, "Remove …")
    await press(other, "Remove")
    await expect(other).to_have_count(0)
    await expect(zoe.get_by_role("alert")).to_contain_text("or you were removed from it")
