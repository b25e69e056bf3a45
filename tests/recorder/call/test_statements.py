"""What participants say of themselves: noted once, and never more than a disk can bear."""

from typing import Any

import pytest

from callrec.recorder.call.pace import MAX_KEYS, Pace
from callrec.recorder.call.statements import (
    BURST,
    MAX_REMEMBERED,
    REFILL_S,
    Statement,
    Statements,
    name_of,
    topic_of,
)


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ({"type": "mute", "payload": {"name": "audio"}}, ("audio", False)),
        ({"type": "unmute", "payload": {"name": "video"}}, ("video", True)),
        ({"type": "audioOff"}, ("audio", False)),
        ({"type": "videoOn"}, ("video", True)),
        ({"type": "speaking"}, ("speaking", True)),
        ({"type": "stoppedSpeaking"}, ("speaking", False)),
        ({"type": "raiseHand", "payload": {"state": True, "timestamp": 1}}, ("hand", True)),
        ({"type": "raiseHand", "payload": {"state": False}}, ("hand", False)),
        ({"type": "raiseHand", "payload": {"state": "yes"}}, None),
        ({"type": "raiseHand", "payload": True}, None),
        ({"type": "mute", "payload": {"name": "smell"}}, None),
        ({"type": "mute", "payload": {"name": ["audio"]}}, None),
        ({"type": ["speaking"]}, None),
        ({}, None),
    ],
)
def test_messages_of_both_ways_are_understood(message: dict[str, Any], said: object) -> None:
    assert topic_of(message) == said


@pytest.mark.parametrize(
    ("message", "name"),
    [
        ({"type": "nickChanged", "payload": "Gast"}, "Gast"),
        ({"type": "nickChanged", "payload": {"name": "Mira", "userid": "mira"}}, "Mira"),
        ({"type": "nickChanged", "payload": {"name": 7}}, None),
        ({"type": "nickChanged"}, None),
        ({"type": "speaking", "payload": "Gast"}, None),
    ],
)
def test_names_are_said_in_both_ways(message: dict[str, Any], name: str | None) -> None:
    assert name_of(message) == name


def test_each_change_is_one_event() -> None:
    statements = Statements()
    said = [statements.say("users/mira", "hand", on, 0) for on in (False, True, True, False, False)]
    assert said == [
        None,  # nobody's hand is up at first
        Statement("hand_raised", "users/mira", None),
        None,
        Statement("hand_lowered", "users/mira", None),
        None,
    ]
    assert statements.say("users/mira", "audio", False, 0) == Statement("muted", "users/mira", "audio")
    assert statements.say("users/ole", "audio", True, 0) == Statement("unmuted", "users/ole", "audio")
    assert statements.muted == {("users/mira", "audio"): True, ("users/ole", "audio"): False}


def test_who_leaves_has_lowered_the_hand_but_stays_muted() -> None:
    statements = Statements()
    statements.say("users/mira", "hand", True, 0)
    statements.say("users/mira", "video", False, 0)
    statements.left("users/mira")
    assert statements.say("users/mira", "hand", False, 1) is None
    assert statements.say("users/mira", "hand", True, 1) is not None
    assert statements.say("users/mira", "video", False, 1) is None


def test_a_flood_is_cut_and_ends_with_what_holds() -> None:
    statements = Statements()
    written = 0
    for number in range(10_001):
        now_s = number / 1000
        written += statements.say("guests/x", "speaking", number % 2 == 0, now_s) is not None
        written += len(statements.due(now_s))
    assert written <= BURST + 10 / REFILL_S + 1
    # the last one said that he speaks: whatever was written before, this is written in the end
    last = [*statements.due(100), *statements.due(200)]
    again = statements.say("guests/x", "speaking", False, 300)
    assert again == Statement("stopped_speaking", "guests/x", None), last
    assert statements.say("users/mira", "speaking", True, 10) is not None, "others are not held up"
    assert statements.say("guests/x", "audio", False, 10) is not None, "nor other topics"


def test_a_late_statement_is_written_once_there_is_room() -> None:
    statements = Statements()
    for number in range(BURST):
        assert statements.say("users/mira", "hand", number % 2 == 0, 0) is not None
    assert statements.say("users/mira", "hand", True, 0) is None
    assert statements.due(REFILL_S / 2) == []
    assert statements.due(REFILL_S) == [Statement("hand_raised", "users/mira", None)]
    assert statements.due(100) == []


def test_what_is_taken_back_in_time_is_not_written() -> None:
    statements = Statements()
    for number in range(BURST):
        statements.say("users/mira", "hand", number % 2 == 0, 0)
    statements.say("users/mira", "hand", True, 0)
    statements.say("users/mira", "hand", False, 0)
    assert statements.due(100) == []


def test_guests_without_end_are_forgotten() -> None:
    statements = Statements()
    for number in range(MAX_REMEMBERED + 100):
        statements.say(f"guests/{number}", "audio", False, 0)
    assert len(statements.muted) == MAX_REMEMBERED
    assert ("guests/0", "audio") not in statements.muted


def test_a_pace_is_kept_for_each_key_and_its_memory_is_bounded() -> None:
    pace = Pace(2, 10)
    assert [pace.allows("a", 0) for _ in range(3)] == [True, True, False]
    assert pace.allows("b", 0)
    assert [pace.allows("a", at) for at in (9, 10, 11, 100, 100, 100)] == [
        False, True, False, True, True, False,
    ]  # fmt: skip
    for number in range(MAX_KEYS * 2):
        pace.allows(number, 0)
    assert len(pace._budget) == MAX_KEYS
