"""Who is on stage when: grid, speaker, screen."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callrec.recorder.compose.activity import HOLD_MS
from callrec.recorder.compose.director import Director
from callrec.recorder.compose.dominant import INTERRUPTED_MS, MIN_ON_STAGE_MS
from callrec.recorder.compose.levels import CELL_MS
from callrec.recorder.compose.scene import EMPTY, LayoutChoice
from callrec.recorder.compose.speech import Speech
from tests.recorder.compose.staging import (
    END_MS,
    Talking,
    directed,
    in_call,
    marked,
    people,
    said,
    tiles,
)


def test_a_grid_of_all_is_what_participants_see() -> None:
    director = directed(in_call("abc", said(9000, "left", "a")), {"b": [(5000, 6000)]})
    assert director.at(-1) == EMPTY
    assert (director.at(0).arrangement, tiles(director.at(0))) == ("grid", ("abc", ""))
    assert tiles(director.at(5500)) == ("abc", "")
    assert tiles(director.at(9000)) == ("bc", "")
    assert (director.at(9000).hidden, director.at(5500).heard) == (0, ())


def test_marks_hold_over_pauses() -> None:
    director = directed(in_call("ab"), {"a": [(1000, 2000), (2500, 3000)]})
    marks = [marked(director.at(ms)) for ms in (999, 1000, 2499, 3000, 2999 + HOLD_MS, 3000 + HOLD_MS)]
    assert marks == ["", "a", "a", "a", "a", ""]


def test_who_is_heard_is_not_shown_as_muted() -> None:
    director = directed(in_call("a", said(500, "muted", "a", media="audio")), {"a": [(1000, 2000)]})
    assert [director.at(ms).stage[0].muted for ms in (499, 999, 1000, 2000)] == [False, True, False, True]


def test_what_participants_say_of_their_speaking_counts_where_nothing_is_heard() -> None:
    roster = in_call(
        "ab", *(said(1000, "speaking", key) for key in "ab"), said(9000, "stopped_speaking", "b")
    )
    director = Director(roster, Talking({"a": [(5000, 6000)]}), "auto")
    director.advance(END_MS)
    moments = [marked(director.at(ms)) for ms in (999, 1000, 5500, 9000, 9000 + HOLD_MS)]
    assert moments == ["", "b", "ab", "b", ""]


def test_a_screen_is_large_while_it_is_shared() -> None:
    roster = in_call(
        "abc", said(4000, "screen_started", "b"), said(8000, "screen_stopped", "b"), screens={"b": 5000}
    )
    auto = directed(roster)
    assert [(auto.at(ms).arrangement, tiles(auto.at(ms))) for ms in (4999, 5000, 7999, 8000)] == [
        ("grid", ("abc", "")),
        ("screen", ("B", "abc")),
        ("screen", ("B", "abc")),
        ("grid", ("abc", "")),
    ]
    assert tiles(directed(roster, layout="grid").at(5000)) == ("Babc", "")
    assert tiles(directed(roster, layout="speaker").at(5000)) == ("a", "Bbc")
    screen = directed(roster, layout="screen")
    assert [(screen.at(ms).arrangement, tiles(screen.at(ms))) for ms in (4999, 5000)] == [
        ("speaker", ("a", "bc")),
        ("screen", ("B", "abc")),
    ]


def test_of_several_screens_the_newest_is_large() -> None:
    roster = in_call("abc", said(9000, "screen_stopped", "c"), screens={"b": 3000, "c": 5000})
    director = directed(roster)
    assert [tiles(director.at(ms)) for ms in (3000, 5000, 9000)] == [
        ("B", "abc"),
        ("C", "Babc"),
        ("B", "abc"),
    ]


def test_the_strip_beside_a_screen_shows_who_speaks() -> None:
    director = directed(in_call(people(9), screens={"a": 1000}), {"h": [(5000, 6000)], "i": [(5500, 7000)]})
    assert tiles(director.at(4999)) == ("A", "abcdef")
    assert tiles(director.at(5000)) == ("A", "abcdeh")
    assert tiles(director.at(5500)) == ("A", "abcdih"), "in the place of the one who is silent longest"
    assert director.at(5500).hidden == 3


@pytest.mark.parametrize("layout", ["speaker", "screen"])
def test_the_speaker_is_on_stage_with_the_first_word(layout: LayoutChoice) -> None:
    director = directed(in_call("abcd"), {"c": [(5000, 9000)], "b": [(9500, 12_000)]}, layout)
    assert [tiles(director.at(ms)) for ms in (0, 4999, 5000, 9499, 9500, 99_000)] == [
        ("a", "bcd"),
        ("a", "bcd"),
        ("c", "bad"),
        ("c", "bad"),
        ("b", "cad"),
        ("b", "cad"),
    ], "who comes on stage changes places with who was there"


def test_nobody_flickers_on_stage() -> None:
    talk = {"b": [(5000, 5500)], "c": [(5600, 6200)], "a": [(6300, 12_000)]}
    director = directed(in_call("abc"), talk, "speaker")
    stage = [
        tiles(director.at(ms))[0] for ms in (5000, 5600, 6300, 4999 + MIN_ON_STAGE_MS, 5000 + MIN_ON_STAGE_MS)
    ]
    assert stage == ["b", "b", "b", "b", "a"]
    assert {tiles(director.at(ms))[0] for ms in range(7000, 20_000, 100)} == {"a"}


def test_an_interjection_does_not_take_the_stage() -> None:
    director = directed(in_call("ab"), {"a": [(5000, 30_000)], "b": [(9000, 11_000)]}, "speaker")
    assert {tiles(director.at(ms))[0] for ms in range(5000, 40_000, 100)} == {"a"}


def test_who_goes_on_against_another_takes_the_stage_once() -> None:
    talk = {"a": [(5000, 40_000)], "b": [(9000, 30_000)]}
    director = directed(in_call("ab"), talk, "speaker")
    times = [ms for ms in range(5000, 50_000, 10) if tiles(director.at(ms)) != tiles(director.at(ms - 10))]
    assert times == [9000 + INTERRUPTED_MS, 30_000]


def test_each_who_goes_on_against_others_takes_the_stage_in_turn() -> None:
    talk = {"a": [(5000, 40_000)], "b": [(9000, 40_000)], "c": [(10_000, 40_000)]}
    director = directed(in_call("abc"), talk, "speaker")
    stage = "".join(tiles(director.at(ms))[0] for ms in range(8000, 39_000, 1000))
    assert stage == "a" * 5 + "b" * 2 + "c" * 24


def test_who_leaves_the_stage_is_followed_by_who_speaks_or_spoke() -> None:
    roster = in_call("abcd", said(9000, "left", "d"), said(20_000, "left", "c"))
    director = directed(roster, {"b": [(1000, 2000)], "c": [(8000, 9500)], "d": [(5000, 9000)]}, "speaker")
    assert [tiles(director.at(ms))[0] for ms in (8999, 9000, 19_999, 20_000)] == ["d", "c", "c", "b"]


def test_who_speaks_first_takes_the_stage_from_someone_with_a_camera() -> None:
    director = directed(in_call("abc", cameras="b"), {"c": [(500, 900)]}, "speaker")
    assert [tiles(director.at(ms))[0] for ms in (0, 499, 500)] == ["b", "b", "c"]


def test_one_alone_is_the_whole_picture_and_none_is_nothing() -> None:
    director = directed(in_call("a", said(5000, "left", "a")), layout="speaker")
    assert (director.at(0).arrangement, tiles(director.at(0))) == ("speaker", ("a", ""))
    assert tiles(director.at(5000)) == ("", "")


def test_a_director_who_goes_on_forgets_what_is_behind() -> None:
    director = directed(
        in_call("ab"), {"a": [(n * 2000.0, n * 2000.0 + 900) for n in range(300)]}, until_ms=0
    )
    for until_ms in range(12_800, 600_000, 12_800):
        director.advance(until_ms)
        assert len(director._scenes) < 30
        assert tiles(director.at(until_ms)) == ("ab", "")


_TALK = st.dictionaries(
    st.sampled_from(people(8)),
    st.lists(st.tuples(st.integers(0, 200_000), st.integers(500, 9000)), max_size=6),
)
_GOING = st.lists(
    st.tuples(
        st.integers(1, 200_000),
        st.sampled_from(["left", "joined", "muted", "unmuted"]),
        st.sampled_from(people(8)),
    ),
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(
    _TALK,
    _GOING,
    st.dictionaries(st.sampled_from("abc"), st.integers(0, 150_000)),
    st.sampled_from(["auto", "grid", "speaker", "screen"]),
    st.lists(st.integers(1, 200_000), max_size=8),
)
def test_a_scene_does_not_depend_on_how_far_the_director_goes_at_once(
    talk: dict[str, list[tuple[int, int]]],
    going: list[tuple[int, str, str]],
    screens: dict[str, int],
    layout: LayoutChoice,
    stops: list[int],
) -> None:
    """… and nobody who is there is lost: all are seen or counted, and no one is seen twice."""
    spells = {key: _apart(said_by) for key, said_by in talk.items()}
    events = [
        said(ms, kind, key, **({"media": "video"} if kind.endswith("muted") else {}))  # type: ignore[arg-type]
        for ms, kind, key in going
    ]
    roster = in_call(people(8), *events, screens=screens)
    at_once = directed(roster, spells, layout, grid_tiles=5)
    stepwise = directed(roster, spells, layout, until_ms=0, grid_tiles=5)
    done = 0
    for stop in [*sorted(stops), 201_000]:
        stepwise.advance(stop)
        for ms in range(done, stop, 1111):
            scene = stepwise.at(ms)
            assert scene == at_once.at(ms)
            there, seen = {s.participant for s in roster.at(ms)}, tiles(scene)[0] + tiles(scene)[1]
            assert len(set(seen)) == len(seen)
            cameras = {key for key in seen if key.islower()}
            assert cameras <= there
            assert scene.hidden == len(there - cameras)
            speaking = {s for s in there for a, b in spells.get(s, []) if a <= ms < b}
            assert {key.upper() for key in speaking - cameras} <= set(scene.heard)
            assert len(scene.strip) <= 6 and len(scene.stage) <= 5
        done = stop


def _apart(told: list[tuple[int, int]]) -> list[tuple[float, float]]:
    spells: list[tuple[float, float]] = []
    for start, length in sorted(told):
        if not spells or start > spells[-1][1] + 500:
            spells.append((start, start + length))
    return spells


def test_it_is_quick_with_many_people() -> None:
    """64 people, all but some of them in noisy rooms, one after the other speaking."""
    random, who, cells = np.random.default_rng(1), people(64), 8000
    levels = {key: random.normal(-60, 1.5, cells).astype(np.float32) for key in who}
    for begin in range(0, cells - 100, 80):
        spoken = np.tile([-25, -22, -24, -30, -45], 15)
        levels[who[int(random.integers(64))]][begin : begin + 75] = spoken
    speech = Speech()
    director = Director(in_call(who), speech, "speaker")
    begin_s, pictures = time.process_time(), 0
    for end_ms in range(12_800, 150_000, 12_800):
        known = slice(speech.known_ms // CELL_MS, (end_ms + 500) // CELL_MS)
        speech.advance({key: told[known] for key, told in levels.items()}, end_ms + 500)
        director.advance(end_ms)
        for ms in range(end_ms - 12_800, end_ms, 40):
            director.at(ms)
            pictures += 1
    assert (time.process_time() - begin_s) / pictures < 200e-6, "ten times what it takes"


def test_levels_make_scenes() -> None:
    """The whole way, from loudness to the stage."""
    roster, speech = in_call("ab"), Speech()
    director = Director(roster, speech, "speaker")
    levels = np.full(1000, -65, np.float32)
    levels[250:350] = np.tile([-25, -22, -24, -40, -50], 20)
    speech.advance({"a": np.full(1000, -65, np.float32), "b": levels}, 20_000)
    director.advance(speech.judged_ms - 1)
    assert [tiles(director.at(ms))[0] for ms in (4999, 5000, 19_000)] == ["a", "b", "b"]
    assert [marked(director.at(ms)) for ms in (4999, 5000, 7500, 8500)] == ["", "b", "b", ""]
