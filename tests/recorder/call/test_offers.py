"""Offers wait for their turn, and only the newest of each stream counts."""

from callrec.recorder.call.offers import BURST, REFILL_S, Offer, Offers

MIRA = "session-of-mira"


def test_a_flood_of_offers_is_answered_slowly() -> None:
    offers = Offers()
    answered = []
    for number in range(100):
        offers.put((MIRA, "video"), Offer(str(number), ""))
        answered += offers.take(lambda _: True, 10.0)
    assert len(answered) == BURST
    assert [offer.sid for _, offer in offers.take(lambda _: True, 10.0 + REFILL_S)] == ["99"]
    assert offers.take(lambda _: True, 10.0 + REFILL_S) == []
    offers.put(("other", "video"), Offer("1", ""))
    offers.forget(lambda session: session == "other")
    assert offers.take(lambda _: True, 100.0) == []
