"""Large calls: more people than tiles."""

from callrec.recorder.compose.activity import RECENT_MS
from callrec.recorder.compose.page import Page, Rank
from callrec.recorder.compose.scene import Seat
from tests.recorder.compose.staging import directed, in_call, people, said, tiles


def grid(scene_tiles: tuple[str, str]) -> str:
    """Return the tiles of a grid."""
    stage, strip = scene_tiles
    assert not strip
    return stage


def test_a_grid_holds_sixteen() -> None:
    scene = directed(in_call(people(20))).at(0)
    assert grid(tiles(scene)) == people(16)
    assert scene.hidden == 4


def test_those_with_a_camera_come_first_and_in_their_order() -> None:
    director = directed(in_call("abcdefgh", cameras="bfgh"), grid_tiles=5)
    assert grid(tiles(director.at(0))) == "abfgh"


def test_who_speaks_takes_the_place_of_who_is_silent_longest_and_nobody_moves() -> None:
    talk: dict[str, list[tuple[float, float]]] = {
        "a": [(1000, 2000)],
        "b": [(30_000, 31_000)],
        "c": [(5000, 6000)],
        "f": [(40_000, 41_000)],
        "e": [(45_000, 46_000)],
    }
    director = directed(in_call("abcdef"), talk, grid_tiles=4)
    assert [grid(tiles(director.at(ms))) for ms in (0, 39_999, 40_000, 44_999, 45_000, 99_000)] == [
        "abcd",
        "abcd",
        "abcf",  # d never spoke
        "abcf",
        "ebcf",  # a is silent longest
        "ebcf",
    ]


def test_who_speaks_in_vain_is_named() -> None:
    director = directed(in_call("abc"), {key: [(1000, 9000)] for key in "abc"}, grid_tiles=2)
    scene = director.at(2000)
    assert (grid(tiles(scene)), scene.hidden, scene.heard) == ("ab", 1, ("C",))
    assert director.at(10_000).heard == ()


def test_one_who_is_named_gets_the_first_place_that_is_free() -> None:
    director = directed(
        in_call("abc"), {"a": [(1000, 9000)], "b": [(1000, 5000)], "c": [(2000, 9000)]}, grid_tiles=2
    )
    assert [grid(tiles(director.at(ms))) for ms in (4999, 5000)] == ["ab", "ac"]


def test_a_place_that_gets_free_is_filled_where_it_is() -> None:
    director = directed(in_call("abcde", said(5000, "left", "b"), said(6000, "left", "a")), grid_tiles=4)
    assert [grid(tiles(director.at(ms))) for ms in (0, 5000, 6000)] == ["abcd", "aecd", "ecd"]


def test_one_who_comes_back_comes_last() -> None:
    director = directed(in_call("abc", said(5000, "left", "a"), said(6000, "joined", "a")))
    assert [grid(tiles(director.at(ms))) for ms in (4999, 5000, 6000)] == ["abc", "bc", "bca"]


def test_a_camera_that_is_switched_on_takes_the_place_of_initials() -> None:
    events = [said(0, "muted", "d", media="video"), said(5000, "unmuted", "d", media="video")]
    director = directed(in_call("abcd", *events, cameras="acd"), grid_tiles=3)
    assert [grid(tiles(director.at(ms))) for ms in (0, 4999, 5000)] == ["abc", "abc", "adc"]


def test_who_takes_part_is_not_replaced_by_a_camera() -> None:
    events = [said(0, "muted", "d", media="video"), said(5000, "unmuted", "d", media="video")]
    events.append(said(4000 + RECENT_MS, "muted", "a", media="video"))
    director = directed(in_call("abcd", *events, cameras="acd"), {"b": [(1000, 2000)]}, grid_tiles=3)
    assert [grid(tiles(director.at(ms))) for ms in (5000, 3999 + RECENT_MS, 4000 + RECENT_MS)] == [
        "abc",
        "abc",
        "dbc",
    ]


def test_a_camera_is_no_reason_among_those_who_take_part() -> None:
    seats = [Seat(key, key, picture=key == "c") for key in "abc"]
    ranks = {key: Rank(False, True, key == "c", last_ms) for key, last_ms in (("a", 2), ("b", 3), ("c", 1))}
    page = Page()
    page.update(seats[:2], 2, lambda seat: ranks[seat.participant])
    assert page.update(seats, 2, lambda seat: ranks[seat.participant]) == seats[:2]


def test_a_screen_leaves_the_grid_as_it_was() -> None:
    talk = {"h": [(1000, 2000)]}
    events = [said(9000, "screen_stopped", "a")]
    director = directed(in_call("abcdefgh", *events, screens={"a": 5000}), talk, grid_tiles=7)
    before = grid(tiles(director.at(4999)))
    assert before == "abcdefh"
    assert tiles(director.at(5000)) == ("A", "abcdeh")
    assert grid(tiles(director.at(9000))) == before


def test_off_stage_a_speaker_goes_straight_onto_it() -> None:
    """In a strip that is full: who was on stage takes the tile of the one who is silent longest."""
    talk = {key: [(3000.0 * n, 3000.0 * n + 500)] for n, key in enumerate("abcdefg", 1)}
    director = directed(in_call(people(9)), {**talk, "i": [(30_000, 35_000)]}, "speaker")
    assert tiles(director.at(29_999)) == ("g", "abcdef")
    assert tiles(director.at(30_000)) == ("i", "gbcdef")
    assert director.at(30_000).hidden == 2
