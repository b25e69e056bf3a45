"""Whom the recorder offers to in a call without a media server."""

from callrec.recorder.call.own_offers import WAIT_S, OwnOffers


def test_who_stays_silent_is_offered_to_ever_more_rarely() -> None:
    offers, now_s = OwnOffers(), 100.0
    assert offers.due(["old"], now_s) == []
    for wait_s in (*WAIT_S, WAIT_S[-1]):
        assert offers.due(["old"], now_s + wait_s - 0.1) == []
        now_s += wait_s
        assert offers.due(["old"], now_s) == ["old"]


def test_who_offers_or_leaves_is_forgotten() -> None:
    offers = OwnOffers()
    offers.due(["old"], 0)
    assert offers.due([], 2) == []
    assert offers.due(["old"], WAIT_S[0]) == []
    assert offers.due(["old"], 2 * WAIT_S[0]) == ["old"]
