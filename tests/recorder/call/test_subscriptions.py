"""When a stream is asked for, again and no more."""

import pytest

from callrec.recorder.call.offers import Key
from callrec.recorder.call.subscriptions import (
    ANSWER_TIMEOUT_S,
    PROBE,
    RETRY_S,
    SILENT_S,
    Request,
    Subscriptions,
    answer_id,
)

MIRA: Key = ("mira", "video")
SCREEN: Key = ("mira", "screen")


@pytest.fixture
def subscriptions() -> Subscriptions:
    subscriptions = Subscriptions()
    subscriptions.want({MIRA: 6}, 0)
    return subscriptions


def ask(subscriptions: Subscriptions, now_s: float) -> str:
    """Return the id of the one request that is due."""
    (request,) = subscriptions.due(now_s)
    assert request.key == MIRA
    return request.message_id


def test_what_is_wanted_is_asked_for_once(subscriptions: Subscriptions) -> None:
    assert subscriptions.due(0) == [Request(MIRA, "stream-1")]
    assert subscriptions.due(1) == []
    subscriptions.offered(MIRA, "1", 2)
    subscriptions.want({MIRA: 6}, 3)
    assert subscriptions.due(1000) == []


def test_who_is_gone_is_asked_for_no_more(subscriptions: Subscriptions) -> None:
    subscriptions.want({}, 0)
    assert subscriptions.due(0) == []


def test_a_refused_stream_is_asked_for_again_ever_later(subscriptions: Subscriptions) -> None:
    now_s = 0.0
    for wait_s in (*RETRY_S, RETRY_S[-1]):
        assert subscriptions.refused(ask(subscriptions, now_s), now_s)
        assert subscriptions.due(now_s + wait_s - 0.1) == []
        now_s += wait_s
    assert not subscriptions.refused("another message", now_s)


def test_a_request_without_an_answer_is_made_again(subscriptions: Subscriptions) -> None:
    ask(subscriptions, 0)
    assert subscriptions.due(ANSWER_TIMEOUT_S - 0.1) == []
    assert subscriptions.due(ANSWER_TIMEOUT_S) == []  # it is given up; not at once asked for anew
    ask(subscriptions, ANSWER_TIMEOUT_S + RETRY_S[0])


def test_new_flags_are_a_reason_to_ask_again(subscriptions: Subscriptions) -> None:
    ask(subscriptions, 0)
    subscriptions.offered(MIRA, "1", 0.1)
    subscriptions.want({MIRA: 2}, 5)
    ask(subscriptions, 5)


def test_flags_that_change_while_an_offer_is_awaited(subscriptions: Subscriptions) -> None:
    ask(subscriptions, 0)
    subscriptions.want({MIRA: 2}, 0.05)
    assert subscriptions.due(0.06) == []  # one at a time
    subscriptions.offered(MIRA, "1", 0.1)
    ask(subscriptions, 0.1)
    subscriptions.offered(MIRA, "1", 0.2)
    assert subscriptions.due(5) == []


def test_silence_is_suspicious_and_patience_grows(subscriptions: Subscriptions) -> None:
    ask(subscriptions, 0)
    subscriptions.offered(MIRA, "1", 0)
    now_s = 0.0
    for patience_s in (*SILENT_S, SILENT_S[-1]):
        subscriptions.heard(MIRA, None, now_s + patience_s - 0.1, muted=False)
        assert subscriptions.due(now_s + patience_s - 0.1) == []
        now_s += patience_s
        subscriptions.heard(MIRA, None, now_s, muted=False)
        ask(subscriptions, now_s)
        subscriptions.offered(MIRA, "1", now_s)


def test_a_packet_renews_the_patience(subscriptions: Subscriptions) -> None:
    ask(subscriptions, 0)
    subscriptions.offered(MIRA, "1", 0)
    subscriptions.heard(MIRA, None, SILENT_S[0], muted=False)
    ask(subscriptions, SILENT_S[0])
    subscriptions.offered(MIRA, "1", 10)
    subscriptions.heard(MIRA, 11, 12, muted=False)
    subscriptions.heard(MIRA, 11, 11 + SILENT_S[0] - 0.1, muted=False)
    assert subscriptions.due(11 + SILENT_S[0] - 0.1) == []
    subscriptions.heard(MIRA, 11, 11 + SILENT_S[0], muted=False)
    ask(subscriptions, 11 + SILENT_S[0])


def test_who_is_muted_may_be_silent(subscriptions: Subscriptions) -> None:
    ask(subscriptions, 0)
    subscriptions.offered(MIRA, "1", 0)
    subscriptions.heard(MIRA, None, 1000, muted=True)
    assert subscriptions.due(1000) == []


def test_a_connection_that_came_to_nothing(subscriptions: Subscriptions) -> None:
    ask(subscriptions, 0)
    subscriptions.offered(MIRA, "1", 1)
    subscriptions.lost(MIRA, 2)
    assert subscriptions.due(2) == []
    ask(subscriptions, 2 + RETRY_S[0])


def test_a_screen_is_probed_once(subscriptions: Subscriptions) -> None:
    subscriptions.want({SCREEN: PROBE}, 0)
    (request,) = subscriptions.due(0)
    assert subscriptions.refused(request.message_id, 10)
    assert subscriptions.due(10_000) == []
    assert subscriptions.given_up() == []
    # Its sharer offers it by himself; then it stands still: nobody asks.
    subscriptions.offered(SCREEN, "1", 20)
    subscriptions.heard(SCREEN, 21, 1000, muted=False)
    assert subscriptions.due(1000) == []


@pytest.fixture
def shared() -> Subscriptions:
    """A screen that its sharer has just offered."""
    subscriptions = Subscriptions()
    subscriptions.want({SCREEN: PROBE}, 0)
    (request,) = subscriptions.due(0)
    subscriptions.refused(request.message_id, 0)
    subscriptions.offered(SCREEN, "1", 0)
    return subscriptions


def test_a_screen_that_never_begins_is_asked_for_again(shared: Subscriptions) -> None:
    shared.heard(SCREEN, None, SILENT_S[0] - 0.1, muted=False)
    assert shared.due(SILENT_S[0] - 0.1) == []
    shared.heard(SCREEN, None, SILENT_S[0], muted=False)
    (request,) = shared.due(SILENT_S[0])
    assert request.key == SCREEN
    shared.offered(SCREEN, "1", 10)
    shared.heard(SCREEN, None, 10 + SILENT_S[1] - 0.1, muted=False)
    assert shared.due(10 + SILENT_S[1] - 0.1) == []


def test_a_screen_that_cannot_be_captured_is_not_waited_for(shared: Subscriptions) -> None:
    shared.heard(SCREEN, None, 1000, muted=True)
    assert shared.due(1000) == []


def test_a_screen_whose_connection_is_lost_is_asked_for_until_the_server_has_it_no_more(
    shared: Subscriptions,
) -> None:
    shared.lost(SCREEN, 1)
    now_s = 1.0
    for wait_s in RETRY_S:
        assert shared.due(now_s + wait_s - 0.1) == [] == shared.given_up()
        now_s += wait_s
        (request,) = shared.due(now_s)
        shared.refused(request.message_id, now_s)
    assert shared.due(10_000) == []
    assert shared.given_up() == [SCREEN]
    assert shared.given_up() == []
    shared.offered(SCREEN, "1", 20_000)
    shared.lost(SCREEN, 20_000)
    assert len(shared.due(20_000 + RETRY_S[0])) == 1


def test_a_screen_that_is_offered_meanwhile_is_not_given_up(shared: Subscriptions) -> None:
    shared.lost(SCREEN, 0)
    for now_s in (100, 200, 300):
        (request,) = shared.due(now_s)
        shared.refused(request.message_id, now_s)
    shared.offered(SCREEN, "1", 301)
    assert shared.given_up() == []


@pytest.mark.parametrize("asked", [False, True])
def test_a_screen_that_is_shared_no_more_is_not_asked_for(shared: Subscriptions, asked: bool) -> None:
    shared.lost(SCREEN, 1)
    requests = shared.due(1 + RETRY_S[0]) if asked else []
    shared.ended(SCREEN)
    for request in requests:
        assert shared.refused(request.message_id, 10)
    assert shared.due(10_000) == []
    assert shared.given_up() == []
    # Shared again, it is as new.
    shared.offered(SCREEN, "1", 20_000)
    shared.heard(SCREEN, 19_000, 20_000 + SILENT_S[0], muted=False)
    assert len(shared.due(20_000 + SILENT_S[0])) == 1


def test_an_answer_that_the_server_does_not_take(subscriptions: Subscriptions) -> None:
    ask(subscriptions, 0)
    subscriptions.offered(MIRA, "1", 1)
    subscriptions.offered(MIRA, "2", 1)
    assert subscriptions.refused(answer_id("1"), 2)  # it was replaced
    assert subscriptions.due(2 + RETRY_S[0]) == []
    assert subscriptions.refused(answer_id("2"), 10)
    ask(subscriptions, 10 + RETRY_S[0])
    assert subscriptions.refused(answer_id("2"), 20)  # it is asked for already
    assert subscriptions.refused("stream-2", 20)
    ask(subscriptions, 20 + RETRY_S[1])
