"""What holds where a timeline ends."""

from callrec.recorder.folder.standing import standing
from callrec.recorder.folder.timeline import Event


def person(kind: str, participant: str = "users/mira") -> Event:
    return Event(1, kind, participant=participant)  # type: ignore[arg-type]


def test_nothing_holds_in_an_empty_timeline() -> None:
    assert standing([]).present == set() and standing([]).endings(7) == []


def test_who_is_there_and_what_he_said() -> None:
    result = standing(
        [
            person("joined"),
            person("joined", "users/ole"),
            person("joined", "guests/kim"),
            person("left", "guests/kim"),
            person("speaking"),
            person("stopped_speaking"),
            person("hand_raised"),
            person("muted"),
            person("screen_started", "users/ole"),
        ]
    )
    assert result.present == {"users/mira", "users/ole"}
    assert result.endings(7) == [
        Event(7, "hand_lowered", participant="users/mira"),
        Event(7, "screen_stopped", participant="users/ole"),
    ]


def test_what_was_said_has_ended_with_leaving() -> None:
    events = [person("joined"), person("speaking"), person("hand_raised"), person("left")]
    assert standing(events).endings(7) == []


def test_a_new_capture_process_does_not_send_anybody_away() -> None:
    events = [person("joined"), Event(2, "capture"), Event(2, "gap", from_ms=1)]
    assert standing(events).present == {"users/mira"}


def test_tracks_that_have_not_ended() -> None:
    events = [
        Event(1, "track_started", track=0, participant="users/mira", source="camera"),
        Event(1, "track_started", track=1, participant="users/mira", source="microphone"),
        Event(2, "track", track=0, participant="users/ole"),
        Event(3, "track_ended", track=0),
        Event(3, "track_ended", track=9),
    ]
    result = standing(events)
    assert result.endings(7) == [Event(7, "track_ended", track=1)]
    assert result.present == set()
