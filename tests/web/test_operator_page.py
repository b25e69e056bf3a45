"""The recorder's page for its operator, in a browser, under its strict policy."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.async_api import Page, expect

from callrec import clock
from callrec.recorder.deliver.begun import Begun, Link
from callrec.recorder.deliver.errand import Errand
from callrec.recorder.lifecycle import attempts
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
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
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
    told = [url for url in asked if quote(TOKEN) in url or TOKEN in url]
    assert len(asked) > 5 and told == [], "the token is in no address"


HOSTILE = "<img src=x onerror=\"document.title='owned'\">"


async def test_what_strangers_write_is_text(tmp_path: Path, new_page: Callable[[], Awaitable[Page]]) -> None:
    home = tmp_path / "recordings"
    named = {"owner": HOSTILE, "token": HOSTILE, "backend": "https://<script>alert(1)<_script>"}
    make_folder(home, "one", "parked", file_name="<b>x.mp4", error=HOSTILE, parked_from="uploading", **named)
    parts = Parts(home)
    page = await new_page()
    async with serving(parts) as url:
        await opened(page, url)
        one = page.locator("tr[data-id=one]")
        await expect(one).to_contain_text(HOSTILE)
        await expect(one.locator(".matter")).to_have_text(f"{HOSTILE}, while uploading")
        assert await one.locator("img, b, script").count() == 0
        await one.get_by_role("button", name="Delete").click()
        await expect(page.get_by_role("dialog")).to_contain_text("Delete <b>x.mp4 (one) for good?")
        assert await page.title() == "Recordings · callrec"


async def test_what_runs_is_shown_and_its_end_told(
    tmp_path: Path, new_page: Callable[[], Awaitable[Page]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "WORD_WAIT_S", 0.0)
    home = tmp_path / "recordings"
    make_folder(home, "one", "uploading")
    paths = make_folder(home, "live", "capturing")
    (paths.chunks / "film").mkdir()
    (paths.chunks / "film" / "000000-320.mkv").touch()
    parts = Parts(home)

    async def upload(errand: Errand) -> None:
        errand.total_bytes = 40_000_000
        errand.begun = Begun(Link("l", "p", "n"), "", (1, 1), 1, True, 1, 10_000_000)
        with errand.asking():
            await asyncio.Event().wait()

    running = asyncio.create_task(parts.attempts.run("one", upload))
    page = await new_page()
    async with serving(parts) as url:
        await opened(page, url)
        one = page.locator("tr[data-id=one]")
        await expect(one).to_contain_text("10 MB sentof 40 MB, 30 s")
        await expect(one).to_contain_text("uploading now, for")
        assert await one.locator("progress").evaluate("bar => bar.value / bar.max") == 0.25
        await expect(one.get_by_role("button")).to_have_text(["Film", "Begin again", "Park", "Delete"])
        await one.get_by_role("button", name="Begin again").click()
        await expect(page.get_by_role("dialog")).to_contain_text("goes on behind the last whole one")
        await page.get_by_role("button", name="Let it run").click()
        await expect(page.locator("tr[data-id=live]")).to_contain_text("13 s composedof 1 min")
        await one.get_by_role("button", name="Delete").click()
        await expect(page.get_by_role("dialog")).to_contain_text("It is being sent")
        await page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        await expect(page.locator("#notice")).to_contain_text("The backend may have it")
        await expect(one).to_have_count(0)
    await running


async def test_a_damaged_one_is_deleted_when_that_is_meant(
    tmp_path: Path, new_page: Callable[[], Awaitable[Page]]
) -> None:
    home = tmp_path / "recordings"
    make_folder(home, "one", "uploading").manifest.write_text("<b>no manifest</b>")
    parts = Parts(home)
    page = await new_page()
    async with serving(parts) as url:
        await opened(page, url)
        await page.get_by_role("button", name="Trouble 1").click()
        one = page.locator("tr[data-id=one]")
        await expect(one.locator(".state")).to_have_text("damaged")
        await expect(one.get_by_role("button")).to_have_text(["Delete"])
        await one.get_by_role("button", name="Delete").click()
        dialog = page.get_by_role("dialog")
        await expect(dialog).to_contain_text("nobody can tell whether it was delivered")
        await expect(dialog).to_contain_text("callrec recordings export one PATH --folder")
        await dialog.get_by_role("button", name="Keep it").click()
        assert (home / "one").exists()
        await one.get_by_role("button", name="Delete").click()
        await dialog.get_by_role("button", name="Delete").click()
        await expect(one).to_have_count(0)
        await expect(page.locator("#notice")).to_be_hidden()
    assert not (home / "one").exists()


async def test_500_recordings_are_shown_in_parts_and_quickly(
    tmp_path: Path, new_page: Callable[[], Awaitable[Page]]
) -> None:
    home = tmp_path / "recordings"
    for number in range(500):
        make_folder(home, f"r{number:03}", "retained")
    parts = Parts(home)
    page = await new_page()
    async with serving(parts) as url:
        await opened(page, url)
        await expect(page.locator("tbody tr")).to_have_count(100)
        await page.get_by_role("button", name="Show 400 more").click()
        for rest in (300, 200, 100):
            await page.get_by_role("button", name=f"Show {rest} more").click()
        await expect(page.locator("tbody tr")).to_have_count(500)
        client = await page.context.new_cdp_session(page)
        await client.send("Performance.enable")

        async def script_s() -> float:
            metrics = (await client.send("Performance.getMetrics"))["metrics"]
            return float(next(m["value"] for m in metrics if m["name"] == "ScriptDuration"))

        before_s = await script_s()
        for _ in range(3):
            async with page.expect_response("**/api/recordings"):
                pass
        assert await script_s() - before_s < 3 * LOOK_S


LOOK_S = 0.5
"""Of script for a look at 500 rows that are all shown: about 20 ms on a machine with nothing else to do."""


async def opened(page: Page, url: str) -> None:
    """Open the page with the right token."""
    await page.goto(f"{url}/operator/")
    await page.get_by_label("Operator's token").fill(TOKEN)
    await page.get_by_role("button", name="Open").click()


@pytest.mark.parametrize("width_px", [320, 390, 700])
async def test_on_a_narrow_screen_all_is_in_sight(
    tmp_path: Path, new_page: Callable[[], Awaitable[Page]], width_px: int
) -> None:
    home = tmp_path / "recordings"
    trouble = {"attempts": 2, "next_attempt_at": clock.wall_s() + 900, "error": "store: HTTP 503 " + "x" * 90}
    make_folder(home, "one", "uploading", **trouble)
    make_folder(home, "two", "parked", parked_from="uploading", error="store: HTTP 400 file_mimetype")
    make_folder(home, "live", "capturing")
    page = await new_page()
    await page.set_viewport_size({"width": width_px, "height": 844})
    async with serving(Parts(home)) as url:
        await opened(page, url)
        await expect(page.get_by_role("row")).to_have_count(4)
        assert await page.evaluate("document.documentElement.scrollWidth") == width_px
        shown = page.locator("tr[data-id=one]").locator(".state, .name, .matter, button")
        await expect(shown).to_have_count(7)
        for each in await shown.all():
            box = await each.bounding_box()
            assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= width_px
        await page.locator("tr[data-id=one]").get_by_role("button", name="Park").click()
        await expect(page.locator("tr[data-id=one] .state")).to_have_text("parked")
