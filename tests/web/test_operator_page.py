"""The recorder's page for its operator, in a browser, under its strict policy."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from callrec import clock
from tests.recorder.operator.folders import TOKEN, Parts, make_folder, serving

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def test_an_operator_looks_and_acts(tmp_path: Path, new_page: Callable[[], Awaitable[Page]]) -> None:
    home = tmp_path / "recordings"
    due_s = clock.wall_s() + 900
    trouble = {"attempts": 2, "next_attempt_at": due_s, "error": "<b>store</b>: HTTP 503"}
    make_folder(home, "one", "uploading", **trouble)
    make_folder(home, "two", "parked", parked_from="uploading", error="store: HTTP 400 file_mimetype")
    make_folder(home, "live", "capturing")
    parts = Parts(home)
    page = await new_page()
    async with serving(parts) as url:
        await page.goto(f"{url}/operator/")
        await page.get_by_label("Operator's token").fill("not this one")
        await page.get_by_role("button", name="Open").click()
        await expect(page.get_by_role("alert")).to_contain_text("Bearer")
        await page.get_by_label("Operator's token").fill(TOKEN)
        await page.get_by_role("button", name="Open").click()
        await expect(page.locator("tbody tr")).to_have_count(3)

        one = page.locator("tr[data-id=one]")
        await expect(one).to_contain_text("<b>store</b>: HTTP 503, failed 2 times")
        await expect(one).to_contain_text("tried again in 14 min")
        await one.get_by_role("button", name="Park").click()
        await expect(one.locator(".state")).to_have_text("parked")
        assert parts.manifest("one").parked_from == "uploading"

        async with page.expect_download() as download:
            await one.get_by_role("button", name="Film").click()
        assert (await download.value).suggested_filename == parts.manifest("one").file_name

        await page.get_by_role("button", name="Parked 2").click()
        two = page.locator("tr[data-id=two]")
        await two.get_by_role("button", name="Delete").click()
        await page.get_by_role("button", name="Keep it").click()
        await expect(two).to_be_visible()
        await two.get_by_role("button", name="Delete").click()
        await page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        await expect(two).to_have_count(0)
        assert not (home / "two").exists()

        parts.recordings.update("live", stop_ms=40_000, state="finishing")  # what happens is shown by itself
        await page.get_by_role("button", name="All 2").click()
        await expect(page.locator("tr[data-id=live] .state")).to_have_text("finishing")

        await page.reload()  # the tab remembers the token
        await expect(page.locator("tbody tr")).to_have_count(2)
        await page.get_by_role("button", name="Forget token").click()
        await page.reload()
        await expect(page.get_by_label("Operator's token")).to_be_visible()
