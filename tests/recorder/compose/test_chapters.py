"""From what happened to chapters, and from a timeline to what happened."""

from callrec.recorder.compose.about import about_film
from callrec.recorder.compose.chapters import Chapter, Happening, find_chapters
from callrec.recorder.compose.people import People
from callrec.recorder.folder.manifest import ActorName, Anchor, Manifest
from callrec.recorder.folder.timeline import Event

HOUR_MS = 3_600_000


def titles(*happenings: Happening, duration_ms: int = HOUR_MS) -> list[tuple[int, str]]:
    return [(chapter.from_ms, chapter.title) for chapter in find_chapters(happenings, duration_ms)]


def speech(from_s: int, to_s: int, name: str) -> Happening:
    return Happening(from_s * 1000, "speaks", name, to_s * 1000)


def joined(at_s: int, name: str) -> Happening:
    return Happening(at_s * 1000, "joined", name, HOUR_MS)


def shares(from_s: int, to_s: int, name: str) -> Happening:
    return Happening(from_s * 1000, "shares", name, to_s * 1000)


def test_a_film_in_which_nothing_happens_has_none() -> None:
    assert find_chapters([], HOUR_MS) == ()
    assert titles(speech(0, 20, "Anna"), speech(100, 120, "Ben")) == []


def test_chapters_follow_each_other_to_the_end() -> None:
    found = find_chapters([joined(0, "Anna"), shares(60, 90, "Ben"), speech(200, 300, "Cem")], HOUR_MS)
    assert found == (
        Chapter(0, 60_000, "Anna joined"),
        Chapter(60_000, 200_000, "Ben shares the screen"),
        Chapter(200_000, HOUR_MS, "Cem speaks"),
    )


def test_the_first_one_begins_with_the_film() -> None:
    assert titles(joined(4, "Anna")) == [(0, "Anna joined")]
    assert titles(joined(40, "Anna")) == [(0, "Beginning"), (40_000, "Anna joined")]


def test_who_joins_together_shares_a_chapter() -> None:
    people = [joined(0, "Anna"), joined(2, "Ben"), joined(4, "Ben")]
    assert titles(*people) == [(0, "Anna and Ben joined")]
    assert titles(*people, joined(5, "Cem")) == [(0, "Anna, Ben and Cem joined")]
    many = [joined(0, f"P{number}") for number in range(9)]
    assert titles(*many) == [(0, "P0, P1 and 7 others joined")]


def test_long_names_are_cut_in_titles() -> None:
    assert titles(joined(0, "Anna " * 20), joined(0, "Ben")) == [(0, f"{'Anna ' * 7}Anna… and Ben joined")]


def test_a_screen_counts_for_more_than_who_joins_or_speaks() -> None:
    found = titles(joined(0, "Anna"), joined(57, "Dóra"), shares(60, 600, "Ben"), speech(65, 600, "Cem"))
    assert found == [(0, "Anna joined"), (60_000, "Ben shares the screen")]


def test_none_is_shorter_than_ten_seconds() -> None:
    happenings = [shares(7 * n, 7 * n + 5, "Ben") for n in range(1, 500)]
    found = find_chapters(happenings, HOUR_MS)
    assert min(c.to_ms - c.from_ms for c in found) >= 10_000
    assert len(found) <= 200
    assert titles(joined(0, "Anna"), joined(115, "Ben"), duration_ms=120_000) == [(0, "Anna joined")]


def test_a_speech_goes_on_over_pauses_and_short_words_of_others() -> None:
    pieces = [speech(100, 115, "Anna"), speech(110, 112, "Ben"), speech(116, 117, "Ben")]
    pieces += [speech(118, 125, "Anna"), speech(127, 140, "Anna")]
    assert titles(*pieces) == [(0, "Beginning"), (100_000, "Anna speaks")]
    assert titles(speech(100, 115, "Anna"), speech(120, 140, "Anna")) == []
    assert titles(speech(100, 115, "Anna"), speech(115, 125, "Ben"), speech(118, 140, "Anna")) == []


def test_of_many_long_speeches_the_longest_are_chapters() -> None:
    pieces = [speech(100 * n, 100 * n + 31 + n % 2 * 20, "AB"[n % 2]) for n in range(1, 500)]
    found = find_chapters(pieces, 50 * HOUR_MS)
    assert len(found) == 200
    assert {chapter.title for chapter in found[1:]} == {"B speaks"}


MANIFEST = Manifest(
    "r1", "https://talk.example", "abcd1234", True, "anna", ActorName("users", "anna"), "Film.mp4",
    Anchor(1_700_000_000.0, 0, "boot"), started_ms=5000, stop_ms=605_000, closed_at=1.0,
)  # fmt: skip


def test_a_timeline_tells_what_happened() -> None:
    events = [
        Event(0, "joined", participant="users/anna", name="Anna"),
        Event(1000, "joined", participant="users/gone", name="Gone"),
        Event(2000, "left", participant="users/gone"),
        Event(65_000, "joined", participant="guests/1", name=""),
        Event(66_000, "name", participant="guests/1", name="Ben\n"),
        Event(105_000, "screen_started", participant="users/anna"),
        Event(145_000, "screen_stopped", participant="users/anna"),
        Event(200_000, "left", participant="guests/1"),
        Event(220_000, "joined", participant="guests/1", name="Ben"),
        Event(700_000, "joined", participant="users/late", name="Late"),
    ]
    spoken = [("users/anna", 205_000.0, 255_000.0)]
    about = about_film(
        MANIFEST, events, People(events, []), started_ms=5000, duration_ms=600_000, spoken=spoken
    )
    assert about.begins_at == 1_700_000_005
    assert about.people == ("Anna", "Ben")
    assert [(c.from_ms, c.title) for c in about.chapters] == [
        (0, "Anna joined"),
        (60_000, "Ben joined"),
        (100_000, "Anna shares the screen"),
        (200_000, "Anna speaks"),
    ]
