"""The page's pure decisions, run in the browser that will make them."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from playwright.async_api import Page

pytestmark = pytest.mark.browser

NewPage = Callable[[], Awaitable[Page]]


@pytest.fixture
async def page(new_page: NewPage, bare_page_url: str) -> Page:
    page = await new_page()
    await page.goto(bare_page_url)
    await page.get_by_text("It is not there").wait_for()  # the bare page has no API; its modules have loaded
    return page


async def run(page: Page, module: str, script: str, argument: Any = None) -> Any:
    """Evaluate *script*, which sees the module's exports as ``m`` and the argument as ``a``."""
    return await page.evaluate(
        f"async (a) => {{ const m = await import('/static/js/logic/{module}'); {script} }}", argument
    )


async def test_who_calls_whom(page: Page) -> None:
    cases = [
        # own id, own flags, peer id, peer flags, what to do
        ("b", 7, "a", 7, "offer"),
        ("a", 7, "b", 7, "wait"),
        ("a", 7, "b", 1, "offer"),  # whoever has streams calls those without, the recorder too
        ("b", 1, "a", 3, "wait"),
        ("b", 1, "a", 1, "nothing"),
        ("b", 7, "a", 0, "nothing"),
        ("b", 0, "a", 7, "nothing"),
        ("Z", 7, "a", 7, "wait"),  # plain string comparison
    ]
    script = "return a.map(([i, f, j, g]) => m.plan({ id: i, inCall: f }, { id: j, inCall: g }));"
    assert await run(page, "callers.js", script, cases) == [case[-1] for case in cases]


async def test_roster_merges_updates_and_counts_only_those_present(page: Page) -> None:
    script = """
      let r = m.joined(new Map(), [
        { sessionid: "me", userid: "mira" }, { sessionid: "rec", userid: "" },
        { sessionid: "x", userid: "joe", user: { displayname: "Joe" } }]);
      const users = [
        { sessionId: "x", inCall: 7 }, { sessionId: "me", inCall: 7 },
        { sessionId: "rec", inCall: 1, internal: true }, { sessionId: "ghost", inCall: 7 }];
      r = m.updated(r, { users });
      const ids = (roster) => m.others(roster, "me").map((one) => one.id).sort();
      const before = ids(r);
      const later = m.updated(r, { users: [{ sessionId: "rec", inCall: 1, internal: true }] });
      return [before, ids(later), ids(m.left(r, ["x"])), ids(m.updated(r, { all: true, incall: 0 })),
              m.shownName(r.get("x"), "Nick"), m.shownName({ name: "", userId: "" }, "Nick"),
              m.shownName({ name: "", userId: "" }), r.get("rec").internal];
    """
    assert await run(page, "roster.js", script) == [
        ["rec", "x"],
        ["rec", "x"],
        ["rec"],
        [],
        "Joe",
        "Nick",
        "Guest",
        True,
    ]


async def test_message_parts(page: Page) -> None:
    parameters = {
        "actor": {"type": "user", "id": "mira", "name": "Mira"},
        "file": {"type": "file", "id": "7", "name": "a.mp4", "mimetype": "video/mp4"},
    }
    script = "return a.map(([text, parameters]) => m.parts(text, parameters));"
    assert await run(
        page,
        "messages.js",
        script,
        [["{actor} said {hi}", parameters], ["{file}", parameters], ["{constructor}", []]],
    ) == [
        [{"kind": "mention", "text": "Mira"}, {"kind": "text", "text": " said {hi}"}],
        [{"kind": "file", "file": parameters["file"]}],
        [{"kind": "text", "text": "{constructor}"}],
    ]


async def test_recording_states_and_state_messages(page: Page) -> None:
    assert await run(page, "recording.js", "return [0, 1, 2, 3, 4, 5, 9].map(m.words);") == [
        "",
        "Recording video",
        "Recording audio",
        "Recording is starting",
        "Recording is starting",
        "Recording failed",
        "",
    ]
    messages = [
        {"type": "mute", "payload": {"name": "audio"}},
        {"type": "videoOn"},
        {"type": "nickChanged", "payload": "Ann"},
        {"type": "nickChanged", "payload": {"name": "Ann", "userid": "ann"}},
        {"type": "raiseHand", "payload": {"state": True}},
        {"type": "mute", "payload": {"name": "nick"}},
    ]
    assert await run(page, "states.js", "return a.map(m.understood);", messages) == [
        {"audio": False},
        {"video": True},
        {"nick": "Ann"},
        {"nick": "Ann"},
        {},
        {},
    ]


async def test_back_off(page: Page) -> None:
    script = """
      const { reachable } = await import('/static/js/net/ocs.js');
      const real = window.setTimeout;
      const waits = [];
      window.setTimeout = (f, ms) => (waits.push(ms), real(f, 0));
      const backOff = new m.BackOff();
      const { signal } = new AbortController();
      for (let i = 0; i < 6; i += 1) await backOff.wait(signal);
      window.setTimeout = (f, ms) => (waits.push(ms), 0); // never
      const news = [
        () => { reachable.value = false; reachable.value = true; },
        () => dispatchEvent(new Event("online")),
      ];
      for (const tell of news) {
        const waited = backOff.wait(signal);
        tell();
        await waited;
      }
      backOff.wait(signal);
      window.setTimeout = real;
      return waits;
    """
    waits_ms = await run(page, "../net/backoff.js", script)
    longest_ms = [1000, 2000, 4000, 4000, 4000, 4000, 4000, 1000, 1000]
    assert len(waits_ms) == len(longest_ms)
    for wait_ms, most_ms in zip(waits_ms, longest_ms, strict=True):
        assert 0.75 * most_ms <= wait_ms <= most_ms


async def test_sizes(page: Page) -> None:
    cases = {600: "1 kB", 12_345: "12 kB", 999_600: "1.0 MB", 12_345_678: "12 MB", 2_500_000_000: "2.5 GB"}
    script = "return a.map(m.size);"
    assert await run(page, "sizes.js", script, list(cases)) == list(cases.values())


async def test_tiles_fill_the_window(page: Page) -> None:
    cases = [
        # people, window, columns, tile
        (0, (1920, 1080), 1, (1920, 1080)),
        (1, (1920, 1080), 1, (1920, 1080)),
        (2, (1920, 1080), 2, (942, 529)),
        (3, (1920, 1080), 2, (928, 522)),  # two above one: its height is the limit
        (4, (1920, 1080), 2, (928, 522)),
        (5, (1920, 1080), 3, (624, 351)),
        (10, (1920, 1080), 4, (465, 261)),
        (2, (500, 1000), 1, (476, 267)),
    ]
    script = """
      return a.map(([count, [width, height]]) => {
        const tile = m.grid(count, { width, height, gap: 12 });
        return [tile.columns, [tile.width, tile.height]];
      });
    """
    found = await run(page, "grid.js", script, cases)
    assert found == [[columns, list(tile)] for _, _, columns, tile in cases]
