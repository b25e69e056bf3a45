"""The page's pure decisions, run in the browser that will make them."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

NewPage = Callable[[], Awaitable[Page]]


@pytest_asyncio.fixture(loop_scope="session")
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


async def test_what_a_message_quotes(page: Page) -> None:
    script = "return a.map(m.quoted);"
    file = {"file": {"type": "file", "name": "Recording 1.md"}}
    ann: dict[str, Any] = {"actorType": "guests", "actorDisplayName": "Ann"}
    messages = [
        {**ann, "message": "one\n two", "messageParameters": []},
        {**ann, "actorDisplayName": "", "message": "{file}", "messageParameters": file},
        {**ann, "message": "Message deleted by author", "messageParameters": [], "deleted": True},
        {"id": 7, "deleted": True},  # it is not there any more
    ]
    assert await run(page, "messages.js", script, messages) == [
        {"by": "Ann", "text": "one two"},
        {"by": "Guest", "text": "Recording 1.md"},
        {"by": "", "text": "Message deleted"},
        {"by": "", "text": "Message deleted"},
    ]


async def test_a_deletion_changes_what_is_there(page: Page) -> None:
    first = {"id": 1, "message": "Hello"}
    answer = {"id": 2, "message": "Hi", "parent": first}
    gone = {"id": 1, "message": "Message deleted by author", "deleted": True}
    news = {"id": 3, "systemMessage": "message_deleted", "parent": gone}
    script = "return a.map(([list, added]) => m.merged(list, added));"
    after = [gone, {**answer, "parent": gone}]
    assert await run(
        page,
        "messages.js",
        script,
        [[[first, answer], [news]], [[], [news, answer, first]], [[], [news]], [[answer], [first]]],
    ) == [after, after, [], [first, answer]]


async def test_who_needs_the_password_and_who_waits(page: Page) -> None:
    room = {"hasPassword": True, "attendeeId": 0, "listable": 0}
    passwords = [
        (room, False, True),
        (room, True, True),
        ({**room, "attendeeId": 5}, False, False),  # is in it already
        ({**room, "listable": 1}, True, False),
        ({**room, "listable": 2}, False, True),
        ({**room, "hasPassword": False}, False, False),
    ]
    script = "return a.map(([room, signedIn]) => m.asksForPassword(room, signedIn));"
    assert await run(page, "entrance.js", script, passwords) == [asks for _, _, asks in passwords]

    lobby = {"lobbyState": 1, "participantType": 3, "permissions": 246}
    waiting = [
        (lobby, True),
        ({**lobby, "lobbyState": 0}, False),
        ({**lobby, "participantType": 4}, True),
        ({**lobby, "participantType": 6}, False),
        ({**lobby, "permissions": 255}, False),
    ]
    script = "return a.map(([room]) => m.waits(room));"
    assert await run(page, "entrance.js", script, waiting) == [waits for _, waits in waiting]


async def test_who_governs(page: Page) -> None:
    cases = [(1, 2, True), (2, 3, True), (3, 3, False), (1, 1, False), (2, 5, False)]
    script = "return a.map(([participantType, type]) => m.governs({ participantType, type }));"
    assert await run(page, "roles.js", script, cases) == [governs for _, _, governs in cases]


async def test_sentences(page: Page) -> None:
    too_many = "Too many attempts. Wait a while and try again."
    cases = [
        ("passwordSentence", (403, "password"), None, "This is not the password of the conversation."),
        ("passwordSentence", (429, ""), None, too_many),
        ("openSentence", (429, ""), False, too_many),
        ("openSentence", (403, "password"), True, "This conversation has a password now. Open it again."),
        ("settingSentence", (400, "value"), "name", "The name must not be empty."),
        ("settingSentence", (400, "value"), "password", "This password is too long."),
        ("settingSentence", (400, "call"), "consent", "Consent can be asked for only before a call."),
        ("settingSentence", (412, "config"), "consent", "This server has no recording server set up."),
        ("settingSentence", (403, ""), "lobby", "Only moderators can do that."),
        ("personSentence", (403, "owner"), None, "The owner cannot be removed."),
        ("personSentence", (404, "new-participant"), None, "There is no such user."),
        ("personSentence", (403, ""), None, "Only moderators can do that."),
        ("personSentence", (500, ""), None, "The server had a problem. Try again in a moment."),
    ]
    script = "return a.map(([f, [status, reason], about]) => m[f]({ status, reason, message: '' }, about));"
    assert await run(page, "sentences.js", script, cases) == [words for *_, words in cases]


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


async def test_rows_of_speakers(page: Page) -> None:
    script = """
      const spells = [[0, 1000], [1001, 1002], [4000, 9000]];
      const chapters = [{ fromMs: 0 }, { fromMs: 5000 }];
      return {
        drawn: m.outline(spells, 10000, 100),
        longer: m.outline([[9000, 20000], [20000, 30000]], 10000, 100),
        speaks: [0, 999, 1000, 8999, 9000].map((ms) => m.speaksAt(spells, ms)),
        next: [0, 3999, 4000].map((ms) => m.nextSpell(spells, ms)),
        before: [0, 4100, 6001].map((ms) => m.previousSpell(spells, ms, 2000)),
        chapter: [0, 4999, 5000].map((ms) => m.chapterAt(chapters, ms)).concat(m.chapterAt([], 0)),
        last: [[{ spellsMs: spells }], []].map((speakers) => m.lastMs({ speakers, chapters: [] })),
        spoken: m.spokenMs(spells),
        names: ["Mira", ""].map((name) => m.shownSpeaker({ name })),
      };
    """
    assert await run(page, "speakers.js", script) == {
        "drawn": "M0 0H10V1H0ZM10 0H11V1H10ZM40 0H90V1H40Z",
        "longer": "M90 0H100V1H90Z",
        "speaks": [True, True, False, True, False],
        "next": [1001, 4000, 0],
        "before": [4000, 1001, 4000],
        "chapter": [0, 0, 1, -1],
        "last": [9000, 0],
        "spoken": 6001,
        "names": ["Mira", "Guest"],
    }
    positions = "return [0, 59999, 187000, 3787000].map(m.position);"
    assert await run(page, "times.js", positions) == ["0:00", "0:59", "3:07", "1:03:07"]
