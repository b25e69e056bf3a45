"""What the page does when things go otherwise than meant: crowded columns, wrong clicks, lost connections."""

from collections.abc import Awaitable, Callable

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, Dialog, Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

NewPage = Callable[[], Awaitable[Page]]
UNREACHABLE = "The server cannot be reached. Check the connection and try again."
MESSAGES = 30
"""More than a window shows."""


async def press(page: Page, name: str) -> None:
    await page.get_by_role("button", name=name, exact=True).click()


async def sign_in(page: Page, password: str) -> None:
    await page.get_by_label("User", exact=True).fill("admin")
    await page.get_by_label("Password", exact=True).fill(password)
    await press(page, "Sign in")


async def make_conversation(page: Page, name: str) -> None:
    await press(page, "New conversation")
    await page.get_by_label("Conversation name", exact=True).fill(name)
    await page.get_by_label("Allow guests by link").check()
    await press(page, "Create")
    await expect(page.get_by_role("heading", name=name)).to_be_visible()


@pytest_asyncio.fixture(loop_scope="session")
async def page(new_page: NewPage, house_url: str, admin_password: str) -> Page:
    """The administrator in a conversation."""
    page = await new_page()
    await page.goto(house_url)
    await sign_in(page, admin_password)
    await make_conversation(page, "Standup")
    return page


async def second_window(context: BrowserContext, url: str) -> Page:
    window = await context.new_page()
    await window.goto(url)
    return window


async def write(page: Page, text: str) -> None:
    await page.get_by_label("Message", exact=True).fill(text)
    await press(page, "Send")
    await expect(page.get_by_label("Message", exact=True)).to_have_value("")


async def fill_chat(page: Page) -> None:
    for number in range(MESSAGES):
        await write(page, f"Number {number}, which needs more lines in a narrow column than in a wide one.")
    await expect(page.locator(".messages li").last).to_contain_text(f"Number {MESSAGES - 1}")


async def at_end(page: Page) -> None:
    await page.wait_for_function(
        "() => { const m = document.querySelector('.messages');"
        " return m.scrollHeight > m.clientHeight && m.scrollHeight - m.scrollTop - m.clientHeight < 2; }"
    )


async def test_chat_stays_at_its_end(page: Page) -> None:
    await fill_chat(page)
    await at_end(page)
    await press(page, "Start call")
    await expect(page.locator(".tile")).to_have_count(1)
    await at_end(page)
    await page.set_viewport_size({"width": 390, "height": 844})
    await at_end(page)
    # A player that learns how large its film is.
    await page.evaluate("document.querySelector('.messages li:nth-last-child(2)').style.height = '300px'")
    await at_end(page)

    await page.locator(".messages").evaluate("messages => { messages.scrollTop = 0; }")
    await page.locator(".messages li").first.evaluate("item => { item.style.height = '300px'; }")
    await expect(page.locator(".messages")).to_have_js_property("scrollTop", 0)
    await write(page, "My own")
    await expect(page.locator(".messages li").last).to_contain_text("My own")
    await at_end(page)


async def test_long_words_do_not_widen_the_chat(page: Page) -> None:
    await press(page, "Start call")
    await page.locator(".messages .system").first.evaluate("item => item.append('w'.repeat(300))")
    assert await page.locator(".messages").evaluate("m => m.scrollWidth <= m.clientWidth")


async def test_a_call_is_not_left_by_a_wrong_click(page: Page) -> None:
    await make_conversation(page, "Other")
    await page.get_by_role("link", name="Standup").click()
    await expect(page.get_by_role("heading", name="Standup")).to_be_visible()
    await press(page, "Start call")
    await expect(page.locator(".tile")).to_have_count(1)
    here = page.url
    question = page.get_by_role("alertdialog")

    await page.get_by_role("link", name="Other").click()
    await expect(question).to_contain_text("You are in a call.")
    await press(page, "Stay in the call")
    await expect(question).to_have_count(0)
    await page.evaluate("history.back()")
    await expect(question).to_be_visible()
    await expect(page).to_have_url(here)
    await page.keyboard.press("Escape")
    await expect(question).to_have_count(0)
    await expect(page.locator(".tile")).to_have_count(1)

    asked: list[str] = []

    async def on_dialog(dialog: Dialog) -> None:
        asked.append(dialog.type)
        await dialog.accept()

    page.on("dialog", on_dialog)
    await page.reload()
    assert asked == ["beforeunload"]
    await press(page, "Start call")
    await expect(page.locator(".tile")).to_have_count(1)
    await page.get_by_role("link", name="Other").click()
    await press(page, "Leave the call")
    await expect(page.get_by_role("heading", name="Other")).to_be_visible()
    await page.reload()
    assert asked == ["beforeunload"]


async def test_a_second_window_asks_before_it_takes_the_call(page: Page) -> None:
    await press(page, "Start call")
    await expect(page.locator(".tile")).to_have_count(1)
    window = await second_window(page.context, page.url)
    await expect(window.get_by_role("alert")).to_have_text("You are in this conversation in another window.")
    await expect(page.locator(".tile")).to_have_count(1)

    await press(window, "Continue here")
    await press(window, "Start call")  # nobody was in it but us
    await expect(window.locator(".tile")).to_have_count(1)
    await press(page, "Open it here")
    await expect(page.get_by_role("button", name="Continue here", exact=True)).to_be_visible()
    await expect(window.locator(".tile")).to_have_count(1)


async def test_a_reload_comes_back_even_if_the_server_did_not_see_it_leave(page: Page) -> None:
    await press(page, "Start call")
    await expect(page.locator(".tile")).to_have_count(1)
    await page.route(
        "**/participants/active",
        lambda route: route.abort() if route.request.method == "DELETE" else route.continue_(),
    )
    await page.reload()
    await expect(page.get_by_role("heading", name="Standup")).to_be_visible()


async def test_a_lost_connection_is_told_and_forgotten(page: Page) -> None:
    await press(page, "Start call")
    await expect(page.locator(".tile")).to_have_count(1)
    await page.context.set_offline(True)
    await write_in_vain(page)
    await page.context.set_offline(False)
    await expect(page.get_by_text(UNREACHABLE)).to_have_count(0)


async def write_in_vain(page: Page) -> None:
    await page.get_by_label("Message", exact=True).fill("Hello")
    await press(page, "Send")
    await expect(page.get_by_role("alert").filter(has_text=UNREACHABLE)).to_be_visible()


async def test_who_signs_out_finds_the_form_to_sign_in(page: Page, admin_password: str) -> None:
    await press(page, "Sign out")
    await sign_in(page, admin_password)
    await expect(page.get_by_role("heading", name="Standup")).to_be_visible()
    await press(page, "Sign out")
    await press(page, "Come in as a guest")
    await expect(page.get_by_label("Your name", exact=True)).to_be_visible()


async def test_an_account_that_was_added_is_not_offered_again(page: Page) -> None:
    await page.get_by_role("tab", name="People").click()
    field = page.get_by_label("Account to add", exact=True)
    await field.fill("nobody")
    await press(page, "Add")
    await expect(page.get_by_role("alert")).to_have_text("There is no such user.")
    await expect(field).to_have_value("nobody")
    await page.get_by_role("tab", name="Chat").click()
    await page.get_by_role("tab", name="People").click()
    await expect(field).to_have_value("")

    await page.route("**/participants", lambda route: route.fulfill(json={"ocs": {"data": []}}))
    await field.fill("joe")
    await press(page, "Add")
    await expect(field).to_have_value("")
