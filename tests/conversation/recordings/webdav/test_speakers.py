"""Who speaks when in a film: for whom, out of what, and where the hidden file goes."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx
import msgspec
import pytest
from sqlalchemy import select

from callrec.conversation import speaking_times
from callrec.conversation.db.tables_recordings import Node, RoomShare
from callrec.conversation.speakers import MAX_CHAPTERS, MAX_FILM_MS, MAX_SPEAKERS, MAX_TEXT, speakers_of
from callrec.conversation.speaking_times import name_beside
from callrec.wire.constants import ParticipantType
from callrec.wire.speaking_times import Chapter, Interval, SpeakingTimes
from tests.conversation.recording_world import World, add_guest

from .webdav_home import HOME, dav, put, to, tree

OWN = "/ocs/v2.php/apps/callrec/api/v1"
SHARES = "/ocs/v2.php/apps/files_sharing/api/v1/shares"
FILM, TIMES = "Talk/Recording/film.ogg", "Talk/Recording/.film speaking times.json"
BEGIN_MS = 1772373909000
NOTHING: dict[str, Any] = {"speakers": [], "chapters": []}


def spoke(who: str, name: str, begin: int, end: int, user: str | None = None) -> Interval:
    return Interval(who, name, BEGIN_MS + begin, BEGIN_MS + end, begin, end, user)


def encoded(*intervals: Interval, chapters: tuple[Chapter, ...] = ()) -> bytes:
    return msgspec.json.encode(SpeakingTimes(BEGIN_MS, list(intervals), list(chapters)))


SAID = encoded(
    spoke("users/mira", "Mira", 2000, 6500, "mira"),
    spoke("guests/g1", "<b>Zoë</b>", 500, 900),
    chapters=(Chapter(0, "Beginning"),),
)


@pytest.fixture
async def mira(world: World) -> httpx.AsyncClient:
    client = await world.client("mira")
    for folder in ("Talk", "Talk/Recording"):
        await dav(client, "MKCOL", folder)
    await put(client, FILM, b"sound")
    return client


async def number_of(world: World, path: str) -> int:
    folder, _, name = path.rpartition("/")
    async with world.core.db.read() as session:
        found = await session.scalar(select(Node.id).where(Node.parent == folder, Node.name == name))
    assert found is not None
    return found


async def told(client: httpx.AsyncClient, what: str) -> Any:
    """Return what is told of a film, or the status of a refusal."""
    answer = await client.get(f"{OWN}/{what}/speakers")
    return answer.json()["ocs"]["data"] if answer.status_code == 200 else answer.status_code


async def test_whoever_may_have_the_film_may_know_it(world: World, mira: httpx.AsyncClient) -> None:
    await put(mira, TIMES, SAID)
    film = f"files/{await number_of(world, FILM)}"
    member, moderator = (
        await world.add_user("ole", ParticipantType.USER),
        await world.add_user("ida", ParticipantType.MODERATOR),
    )
    guest, stranger, nobody = await add_guest(world), await world.add_user("eve"), await world.client(None)
    answer = await mira.get(f"{OWN}/{film}/speakers")
    assert answer.json()["ocs"]["data"] == {
        "speakers": [
            {"name": "<b>Zoë</b>", "hue": 233, "spellsMs": [[500, 900]]},
            {"name": "Mira", "hue": 256, "spellsMs": [[2000, 6500]]},
        ],
        "chapters": [{"fromMs": 0, "title": "Beginning"}],
    }
    assert answer.headers["content-type"].startswith("application/json")
    assert "users/" not in answer.text
    assert str(BEGIN_MS) not in answer.text
    for others in (member, moderator, stranger):
        assert await told(others, film) == 404
    for others in (guest, nobody):
        assert await told(others, film) == 401

    share = {"path": f"/{FILM}", "shareType": 10, "shareWith": world.token}
    shared = (await mira.post(SHARES, json=share)).json()["ocs"]["data"]["id"]
    async with world.core.db.read() as session:
        link = f"shares/{await session.scalar(select(RoomShare.share_token))}"
    for reader, what in ((member, film), (moderator, film), (guest, link), (nobody, link), (mira, link)):
        assert len((await told(reader, what))["speakers"]) == 2
    assert await told(stranger, film) == 404
    assert await told(guest, film) == 401
    # The film is shared, not the file beside it.
    assert await told(member, f"files/{await number_of(world, TIMES)}") == 404

    assert (await mira.delete(f"{SHARES}/{shared}")).status_code == 200
    assert (await told(member, film), await told(guest, link)) == (404, 404)
    for unknown in ("files/999999", f"files/{10**30}", f"files/{await number_of(world, 'Talk')}", "shares/x"):
        assert await told(mira, unknown) == 404


async def test_nothing_is_told_where_nothing_is_known(world: World, mira: httpx.AsyncClient) -> None:
    film = f"files/{await number_of(world, FILM)}"
    assert await told(mira, film) == NOTHING
    await dav(mira, "MKCOL", TIMES)  # a folder says nothing
    assert await told(mira, film) == NOTHING
    await put(mira, "Talk/film.md", b"text")
    await put(mira, "Talk/.film speaking times.json", SAID)
    assert await told(mira, f"files/{await number_of(world, 'Talk/film.md')}") == NOTHING


OF_NO_USE = [
    b"",
    b"no json",
    b"\xff\xfe",
    b"[" * 100_000,
    b"null",
    b'{"recordingStartTimestamp":0,"intervals":{}}',
    encoded(),
    SAID.replace(b"2000", b"2e400"),
    SAID.replace(b'"Mira"', b"7"),
    SAID.replace(b'"Mira"', b'"\\ud800"'),
    SAID.replace(b'"Beginning"', b"null"),
]


async def test_a_file_of_no_use_is_as_none(world: World, mira: httpx.AsyncClient) -> None:
    film = f"files/{await number_of(world, FILM)}"
    for content in OF_NO_USE:
        await put(mira, TIMES, content)
        assert await told(mira, film) == NOTHING, content[:100]
    await put(mira, TIMES, SAID)
    assert await told(mira, film) != NOTHING


async def test_a_file_that_is_too_large_is_not_even_read(
    world: World, mira: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = f"files/{await number_of(world, FILM)}"
    await put(mira, TIMES, SAID)
    monkeypatch.setattr(speaking_times, "MAX_BYTES", len(SAID))
    assert await told(mira, film) != NOTHING

    def read(*_: object) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        raise AssertionError("read")

    monkeypatch.setattr(world.side.blobs, "read", read)
    monkeypatch.setattr(speaking_times, "MAX_BYTES", len(SAID) - 1)
    assert await told(mira, film) == NOTHING


def test_what_cannot_be_true_is_left_out() -> None:
    times = SpeakingTimes(
        0,
        [
            spoke("a", "Ann", 5000, 4000),
            spoke("a", "Ann", 10, 2**62),
            spoke("b", " Bo\n\tb ", -500, 300),
            spoke("b", "", 200, 400),
            spoke("b", "Bob", 100, 250),
            spoke("b", "Bob", 900, 1000),
            spoke("c", "Cem", 2**62, 2**63),
        ],
        [Chapter(7, "b" * 999), Chapter(-1, "before"), Chapter(2**62, "after"), Chapter(3, "a\n a")],
    )
    shown = speakers_of(times)
    assert [(one.name, one.spells_ms) for one in shown.speakers] == [
        ("Bob", [(0, 400), (900, 1000)]),
        ("Ann", [(10, MAX_FILM_MS)]),
    ]
    assert [(one.from_ms, one.title) for one in shown.chapters] == [(3, "a a"), (7, "b" * MAX_TEXT)]


def test_of_too_many_those_who_spoke_longest_are_kept() -> None:
    many = MAX_SPEAKERS + 50
    intervals = [spoke(str(n), "x" * 999, n, 2 * n + 1) for n in range(many)]
    chapters = [Chapter(n, "t") for n in range(MAX_CHAPTERS + 1)]
    shown = speakers_of(SpeakingTimes(0, intervals, chapters))
    assert [one.spells_ms[0][0] for one in shown.speakers] == list(range(50, many))
    assert {len(one.name) for one in shown.speakers} == {MAX_TEXT}
    assert len(shown.chapters) == MAX_CHAPTERS


def test_who_comes_back_is_the_same_one() -> None:
    first, again = spoke("s1", "Mira", 0, 5, "mira"), spoke("s9", "Mira Lund", 8, 9, "mira")
    (mira,) = speakers_of(SpeakingTimes(0, [again, first])).speakers
    assert (mira.name, mira.spells_ms) == ("Mira Lund", [(0, 5), (8, 9)])


async def test_speaking_times_go_with_their_film(world: World, mira: httpx.AsyncClient) -> None:
    await put(mira, TIMES, SAID)
    number = await number_of(world, FILM)

    async def moved(source: str, target: str) -> None:
        assert await dav(mira, "MOVE", source, **to(target)) in (201, 204)
        assert len((await told(mira, f"files/{number}"))["speakers"]) == 2

    await moved(FILM, "Talk/Weekly.ogg")
    assert await tree(world) == [
        "Talk/",
        "Talk/.Weekly speaking times.json",
        "Talk/Recording/",
        "Talk/Weekly.ogg",
    ]
    await dav(mira, "MKCOL", "a")
    await moved("Talk/Weekly.ogg", "a/film.ogg")
    await moved("a", "b")
    assert await dav(mira, "COPY", "b/film.ogg", **to("copy.ogg")) == 201
    assert await dav(mira, "COPY", "b", **to("c")) == 201
    files = [path for path in await tree(world) if not path.endswith("/")]
    assert files == [
        ".copy speaking times.json",
        "b/.film speaking times.json",
        "b/film.ogg",
        "c/.film speaking times.json",
        "c/film.ogg",
        "copy.ogg",
    ]
    assert len((await told(mira, f"files/{await number_of(world, 'copy.ogg')}"))["speakers"]) == 2
    # What is replaced takes its own along; what replaces it brings its own.
    await put(mira, "silent.ogg")
    assert await dav(mira, "MOVE", "silent.ogg", **to("copy.ogg")) == 204
    await moved("b/film.ogg", "c/film.ogg")
    assert await dav(mira, "DELETE", "c/film.ogg") == 204
    assert [path for path in await tree(world) if not path.endswith("/")] == ["copy.ogg"]


async def test_speaking_times_stay_with_another_film_of_that_name(
    world: World, mira: httpx.AsyncClient
) -> None:
    await put(mira, TIMES, SAID)
    await put(mira, "Talk/Recording/film.mp3")
    assert await dav(mira, "DELETE", "Talk/Recording/film.mp3") == 204
    assert await told(mira, f"files/{await number_of(world, FILM)}") != NOTHING
    await put(mira, "Talk/Recording/film.mp4")
    await put(mira, "Talk/Recording/film.md")
    assert await dav(mira, "MOVE", FILM, **to("film.ogg")) == 201
    assert await told(mira, f"files/{await number_of(world, 'Talk/Recording/film.mp4')}") != NOTHING
    assert await dav(mira, "DELETE", "Talk/Recording/film.mp4") == 204
    assert "Talk/Recording/film.md" in await tree(world)
    assert TIMES not in await tree(world)


async def test_speaking_times_as_files_of_their_own(world: World, mira: httpx.AsyncClient) -> None:
    for method in ("COPY", "MOVE"):
        await put(mira, FILM, b"sound")
        await put(mira, TIMES, SAID)
        assert await dav(mira, method, TIMES, **to(FILM)) == 204  # in the place of their film
        assert (await mira.get(f"{HOME}/{FILM}")).content == SAID
        assert (TIMES in await tree(world)) == (method == "COPY")
    await put(mira, FILM, b"sound")
    await put(mira, TIMES, SAID)
    assert await dav(mira, "MOVE", FILM, **to(TIMES)) == 204  # and the other way round
    assert await tree(world) == ["Talk/", TIMES.removesuffix(TIMES.rpartition("/")[2]), TIMES]
    assert (await mira.get(f"{HOME}/{TIMES}")).content == b"sound"


def test_the_name_beside_a_long_name_can_be_kept() -> None:
    assert name_beside("a.b.ogg") == ".a.b speaking times.json"
    for name in ("ö" * 125 + ".webm", "a" * 255):
        beside = name_beside(name)
        assert len(beside.encode()) in (254, 255)
        assert beside.endswith(" speaking times.json")
