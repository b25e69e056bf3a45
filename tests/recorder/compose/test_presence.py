"""Who is seen when, and what is known of each."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callrec.recorder.compose.ingest import LOOKAHEAD_MS
from callrec.recorder.compose.presence import GRACE_MS, LINGER_MS, Roster
from callrec.recorder.compose.scene import Seat
from callrec.recorder.folder.timeline import Event, EventType
from callrec.recorder.folder.track import Source

ANNA, BEN = "users/anna", "users/ben"


def said(ms: int, kind: EventType, participant: str = ANNA, **more: str) -> Event:
    """Return an event of somebody."""
    return Event(ms, kind, participant=participant, **more)  # type: ignore[arg-type]


def roster(events: list[Event], *tracks: tuple[str, Source, int]) -> Roster:
    """Return a roster that knows all this; tracks are numbered from 0."""
    made = Roster()
    made.add(events)
    for number, (participant, source, first_ms) in enumerate(tracks):
        made.track(number, participant, source, first_ms)
    return made


def keys(made: Roster, ms: float) -> list[str]:
    """Return who is seen."""
    return [seat.participant for seat in made.at(ms)]


def seat(made: Roster, ms: float, participant: str = ANNA) -> Seat:
    """Return somebody's seat."""
    (found,) = (one for one in made.at(ms) if one.participant == participant)
    return found


def test_people_come_and_go_and_are_called() -> None:
    made = roster(
        [
            said(100, "joined", BEN, name="Ben\n\u202e"),
            said(100, "joined", "users/silent", name="Never sent anything"),
            said(200, "joined", name="Anna"),
            said(300, "name", BEN, name="Benjamin"),
            said(500, "left", BEN),
            said(600, "joined", BEN, name="Ben"),
        ],
        (ANNA, "microphone", 250),
        (BEN, "microphone", 150),
        ("session/x", "microphone", 450),
    )
    anna, ben, stranger = (
        Seat(key, name, picture=False) for key, name in ((ANNA, "Anna"), (BEN, "Ben"), ("session/x", "Guest"))
    )
    assert made.at(99) == ()
    assert made.at(150) == (ben,)
    assert made.at(299) == (ben, anna)
    assert made.at(300) == (ben._replace(name="Benjamin"), anna)
    assert made.at(450) == (ben._replace(name="Benjamin"), anna, stranger)
    assert made.at(550) == (anna, stranger)
    assert made.at(600) == (ben, anna, stranger)


def test_those_who_come_at_once_are_in_the_order_of_the_timeline() -> None:
    events = [said(0, "joined", key, name=key) for key in ("users/c", "users/a", "users/b")]
    made = roster(events, *((key, "camera", 10) for key in ("users/a", "users/b", "users/c")))
    assert keys(made, 20) == ["users/c", "users/a", "users/b"]


def test_a_seat_is_kept_for_who_will_send_within_the_lookahead() -> None:
    made = roster(
        [said(100, "joined")],
        (ANNA, "microphone", 9000),
        (ANNA, "camera", 9000),
        ("session/x", "camera", 9000),
    )
    assert made.at(9000 - LOOKAHEAD_MS - 1) == ()
    assert made.at(9000 - LOOKAHEAD_MS) == made.at(8999) == (Seat(ANNA, "Guest"),)
    assert len(made.at(9000)) == 2


def test_who_never_joined_is_there_while_a_track_is() -> None:
    made = roster(
        [
            Event(500, "track_ended", track=0),
            Event(800, "track", track=1, participant=ANNA),
            said(790, "joined"),
        ],
        ("session/x", "microphone", 100),
        ("session/x", "microphone", 300),
    )
    assert keys(made, 600) == ["session/x"]
    assert keys(made, 799) == ["session/x"]
    assert keys(made, 800) == [ANNA]
    assert (made.owner(1, 799), made.owner(1, 800), made.owner(7, 0)) == ("session/x", ANNA, None)
    assert (made.owners_until(0), made.owners_until(800)) == (800, float("inf"))


def test_a_camera_that_is_said_to_be_off_shows_no_picture() -> None:
    events = [
        said(0, "joined"),
        said(400, "muted", media="video"),
        said(500, "left"),
        said(600, "joined"),
        said(700, "unmuted", media="video"),
    ]
    made = roster(events, (ANNA, "camera", 0), (ANNA, "microphone", 0))
    assert [seat(made, ms).picture for ms in (0, 399, 400, 600, 700)] == [True, True, False, False, True]
    assert not seat(made, 450).muted


def test_a_picture_is_awaited_some_seconds_after_its_track_has_ended() -> None:
    made = roster(
        [said(0, "joined"), Event(5000, "track_ended", track=0)],
        (ANNA, "camera", 4000),
        (ANNA, "camera", 30_000),
        (ANNA, "microphone", 0),
    )
    end_ms, again_ms = 5000 + LINGER_MS, 30_000 - LOOKAHEAD_MS
    times = (999, 1000, end_ms - 1, end_ms, again_ms - 1, again_ms)
    assert [seat(made, ms).picture for ms in times] == [False, True, True, False, False, True]


@pytest.mark.parametrize(("tracks", "muted"), [([], True), ([(ANNA, "microphone", 2000)], False)])
def test_a_microphone_that_is_not_there_is_off(tracks: list[tuple[str, Source, int]], muted: bool) -> None:
    events = [
        said(0, "joined"),
        said(2000, "unmuted", media="audio"),
        said(3000, "muted", media="audio"),
        said(4000, "unmuted", media="audio"),
    ]
    made = roster(events, (ANNA, "camera", 0), *tracks)
    assert [seat(made, ms).muted for ms in (0, 2000, 3000, 4000)] == [muted, False, True, False]


def test_what_is_said_ends_with_the_call_but_muting() -> None:
    events = [
        said(0, "joined"),
        said(1000, "hand_raised"),
        said(1000, "speaking"),
        said(1000, "muted", media="audio"),
        said(2000, "left"),
        said(3000, "joined"),
        said(4000, "hand_raised"),
        said(4000, "speaking"),
        said(5000, "hand_lowered"),
        said(5000, "stopped_speaking"),
    ]
    made = roster(events, (ANNA, "microphone", 0))
    marks = [
        (one.hand, one.speaking, one.muted) for one in (seat(made, ms) for ms in (1000, 3000, 4000, 5000))
    ]
    assert marks == [(True, True, True), (False, False, True), (True, True, True), (False, False, True)]


def test_a_screen_is_there_while_it_is_shared_and_has_media() -> None:
    made = roster(
        [
            said(0, "joined", name="Anna"),
            said(1000, "screen_started"),
            said(3000, "screen_stopped"),
            said(5000, "screen_started"),
            Event(7000, "track_ended", track=0),
        ],
        (ANNA, "screen", 2000),
    )
    screen = (Seat(ANNA, "Anna", "screen"),)
    shared = [made.screens(ms) for ms in (1999, 2000, 2999, 3000, 4999, 5000, 6999, 7000)]
    assert shared == [(), screen, screen, (), (), screen, screen, ()]
    assert keys(made, 4000) == [ANNA]


def test_a_screen_of_which_nothing_is_said_is_there_while_it_has_media() -> None:
    made = roster(
        [said(0, "joined"), said(5000, "left"), said(6000, "joined")],
        (ANNA, "screen", 2000),
        ("session/x", "screen", 4000),
    )
    assert [[one.participant for one in made.screens(ms)] for ms in (3000, 4000, 5500, 6500)] == [
        [ANNA],
        ["session/x", ANNA],  # the newest first
        ["session/x"],
        ["session/x"],
    ]


def restarted(*more: Event) -> Roster:
    """Return a roster of a call in which capture began anew at 20 s; Anna sends again at 24 s."""
    events = [
        Event(0, "capture"),
        said(10, "joined"),
        said(10, "joined", BEN),
        said(15_000, "hand_raised", BEN),
    ]
    return roster(
        [*events, Event(20_000, "capture"), *more],
        (ANNA, "microphone", 100),
        (BEN, "microphone", 100),
        (BEN, "screen", 100),
        (ANNA, "microphone", 24_000),
    )


def test_who_left_unseen_while_capture_was_down_does_not_stay() -> None:
    made = restarted()
    assert keys(made, 19_999) == keys(made, 20_000) == keys(made, 20_000 + GRACE_MS - 1) == [ANNA, BEN]
    assert keys(made, 20_000 + GRACE_MS) == keys(made, 1e9) == [ANNA]
    assert made.screens(19_999)
    assert not made.screens(20_000 + GRACE_MS)
    assert [seat(made, ms, BEN).hand for ms in (19_999, 20_000)] == [True, False]


def test_who_is_seen_again_after_capture_was_down_was_never_away() -> None:
    made = restarted(said(22_000, "joined", BEN))
    assert all(keys(made, ms) == [ANNA, BEN] for ms in range(19_000, 40_000, 500))
    late = restarted(said(29_000, "joined", BEN))
    assert [keys(late, ms) for ms in (24_999, 25_000, 28_999, 29_000)] == [
        [ANNA, BEN],
        [ANNA],
        [ANNA],
        [ANNA, BEN],
    ]


def test_who_is_gone_does_not_come_back_with_the_next_crash() -> None:
    made = restarted(Event(60_000, "capture"), Event(62_000, "capture"))
    assert [keys(made, ms) for ms in (59_999, 60_000, 64_999, 65_000)] == [[ANNA], [ANNA], [ANNA], []]


def test_a_stranger_without_new_packets_does_not_outlast_a_crash() -> None:
    made = roster([Event(0, "capture"), Event(9000, "capture")], ("session/x", "microphone", 100))
    assert [keys(made, ms) for ms in (8999, 9000 + GRACE_MS - 1, 9000 + GRACE_MS)] == [
        ["session/x"],
        ["session/x"],
        [],
    ]


_MOMENTS = st.integers(0, 30_000)
_PEOPLE = st.sampled_from([ANNA, BEN])
_EVENTS = st.one_of(
    st.builds(
        said,
        _MOMENTS,
        st.sampled_from(
            ["joined", "left", "hand_raised", "hand_lowered", "screen_started", "screen_stopped"]
        ),
        _PEOPLE,
    ),
    st.builds(
        said,
        _MOMENTS,
        st.sampled_from(["muted", "unmuted"]),
        _PEOPLE,
        media=st.sampled_from(["audio", "video"]),
    ),
    st.builds(Event, _MOMENTS, st.just("capture")),
    st.builds(Event, _MOMENTS, st.just("track_ended"), track=st.integers(0, 3)),
    st.builds(Event, _MOMENTS, st.just("track"), track=st.integers(0, 3), participant=_PEOPLE),
)
_TRACKS = st.lists(
    st.tuples(
        st.sampled_from([ANNA, BEN, "session/x"]),
        st.sampled_from(["microphone", "camera", "screen", "screen_audio"]),
        _MOMENTS,
    ),
    max_size=4,
)


@settings(deadline=None)
@given(st.lists(_EVENTS, max_size=25), _TRACKS, st.lists(_MOMENTS, min_size=1, max_size=30))
def test_nothing_is_said_from_hindsight_and_every_change_is_told(
    events: list[Event], tracks: list[tuple[str, Source, int]], moments: list[int]
) -> None:
    """Who knows only what there is to know says the same; between two changes nothing changes."""
    events.sort(key=lambda event: event.ms)
    everything, growing = roster(events, *tracks), Roster()
    told = 0
    for ms in sorted(moments):
        growing.add(event for event in events[told:] if event.ms <= ms)
        told = sum(event.ms <= ms for event in events)
        for number, (participant, source, first_ms) in enumerate(tracks):
            if growing.owner(number, ms) is None and first_ms <= ms + LOOKAHEAD_MS:
                growing.track(number, participant, source, first_ms)
        now = growing.at(ms), growing.screens(ms)
        assert now == (everything.at(ms), everything.screens(ms))
        before = max(everything.changes(-LOOKAHEAD_MS - 1, ms), default=-1e9)
        assert now == (everything.at(before), everything.screens(before))
