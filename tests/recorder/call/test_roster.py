"""Who is in the call, from the signaling server's events (docs/wire.md, Participants)."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from callrec.recorder.call.roster import BURST, MAX_TEXT_CHARACTERS, NAMED_AGAIN_S, REFILL_S, Change, Roster


def join(session_id: str, user_id: str = "", name: str = "") -> dict[str, Any]:
    entry: dict[str, Any] = {"sessionid": session_id, "userid": user_id}
    return entry | ({"user": {"displayname": name}} if name else {})


def listed(session_id: str, in_call: int = 7, **more: Any) -> dict[str, Any]:
    return {"sessionId": session_id, "inCall": in_call, **more}


def in_call(*people: str) -> Roster:
    """Return a roster in which *people* (user ids) are in the call with session s-<user>."""
    roster = Roster()
    roster.joined_room(join(f"s-{p}", p, p.title()) for p in people)
    roster.update(listed(f"s-{p}") for p in people)
    roster.changes(0)
    return roster


def test_in_the_room_is_not_in_the_call() -> None:
    roster = Roster()
    roster.joined_room([join("s1", "mira", "Mira")])
    assert roster.empty and roster.changes(0) == []
    assert not roster.out_of_call("s1")  # unknown yet
    roster.update([listed("s1", 0)])
    assert roster.empty and roster.out_of_call("s1")
    roster.update([listed("s1", 1)])
    assert not roster.empty
    assert roster.changes(0) == [Change("joined", "users/mira", "Mira")]
    assert roster.changes(0) == []


def test_lists_are_merged_not_replaced() -> None:
    roster = in_call("mira", "ole")
    roster.update([listed("s-ole", 3)])
    assert roster.changes(0) == []
    assert not roster.empty


def test_who_left_is_named_once_with_in_call_0() -> None:
    roster = in_call("mira", "ole")
    roster.update([listed("s-mira", 0)])
    assert roster.changes(0) == [Change("left", "users/mira")]
    assert roster.out_of_call("s-mira") and not roster.out_of_call("s-ole")
    roster.update([listed("s-mira", 0), listed("s-ole")])
    assert roster.changes(0) == []


def test_the_end_of_the_call_for_all() -> None:
    roster = in_call("mira", "ole")
    roster.all_left_call()
    assert roster.empty
    assert roster.changes(0) == [Change("left", "users/mira"), Change("left", "users/ole")]
    roster.update([listed("s-ole")])  # and the next call begins
    assert roster.changes(0) == [Change("joined", "users/ole", "Ole")]


def test_internal_sessions_are_nobody() -> None:
    roster = Roster()
    roster.joined_room([join("recorder")])
    roster.update([listed("recorder", 1, internal=True)])
    assert roster.empty and roster.changes(0) == []
    roster.update([listed("recorder", 1)])  # a later push need not repeat it
    assert roster.empty


def test_a_phone_is_somebody() -> None:
    roster = Roster()
    roster.joined_room([join("phone")])
    roster.update([listed("phone", 8 | 1, virtual=True)])
    assert not roster.empty


def test_only_who_is_in_the_room_by_join_events_counts() -> None:
    roster = Roster()
    roster.update([listed("ghost", userId="mira")])  # servers keep entries of sessions that are gone
    assert roster.empty and roster.changes(0) == []
    roster.joined_room([join("ghost", "mira")])  # events may come in any order
    assert roster.changes(0) == [Change("joined", "users/mira")]


def test_who_left_the_room_is_out_whatever_a_stale_list_says() -> None:
    roster = in_call("mira")
    roster.left_room(["s-mira"])
    assert roster.empty and roster.out_of_call("s-mira")
    roster.update([listed("s-mira")])
    assert roster.empty and roster.out_of_call("s-mira")
    roster.joined_room([join("s-mira", "mira", "Mira")])  # resumed
    roster.update([listed("s-mira")])
    assert not roster.empty


def test_a_reload_with_a_new_session_is_no_leave() -> None:
    roster = in_call("mira", "ole")
    roster.joined_room([join("new", "mira", "Mira")])
    roster.update([listed("new")])
    roster.left_room(["s-mira"])
    assert roster.changes(0) == []
    roster.update([listed("new", 0)])
    assert roster.changes(0) == [Change("left", "users/mira")]


def test_two_devices_of_one_user_are_one_participant() -> None:
    roster = in_call("mira")
    roster.joined_room([join("phone", "mira")])
    roster.update([listed("phone")])
    assert roster.changes(0) == []
    roster.update([listed("s-mira", 0)])
    assert Change("left", "users/mira") not in roster.changes(0)


def test_guests_are_told_apart_by_actor_and_named_by_nick() -> None:
    roster = Roster()
    roster.joined_room([join("g1"), join("g2")])
    roster.update([listed("g1", actorType="guests", actorId="abc"), listed("g2")])
    roster.rename("g1", "Gast")
    assert roster.changes(0) == [Change("joined", "guests/abc", "Gast"), Change("joined", "session/g2")]
    roster.rename("g1", "Gästin")
    roster.rename("g1", "")
    assert roster.changes(0) == [Change("name", "guests/abc", "Gästin")]
    roster.rename("unknown", "Nobody")
    assert "unknown" not in roster.sessions


def test_names_of_users_come_from_the_backend_and_win() -> None:
    roster = in_call("mira")
    roster.rename("s-mira", "The Admin")
    assert roster.changes(0) == []
    roster.update([listed("s-mira", displayName="Mira B.")])
    assert roster.changes(0) == [Change("name", "users/mira", "Mira B.")]


def test_a_guest_who_turns_out_to_be_a_user_is_that_user() -> None:
    roster = Roster()
    roster.joined_room([join("s1")])
    roster.update([listed("s1")])
    assert roster.changes(0) == [Change("joined", "session/s1")]
    roster.update([listed("s1", userId="mira", displayName="Mira")])
    assert roster.changes(0) == [Change("left", "session/s1"), Change("joined", "users/mira", "Mira")]


def test_joining_anew_begins_with_nobody_known() -> None:
    roster = in_call("mira")
    roster.left_room(["s-ole"])
    roster.clear_sessions()
    assert roster.empty and not roster.out_of_call("s-mira") and not roster.out_of_call("s-ole")
    roster.joined_room([join("s-mira", "mira", "Mira")])
    roster.update([listed("s-mira")])
    assert roster.changes(0) == []


def test_names_are_cut_and_can_always_be_written() -> None:
    roster = Roster()
    roster.joined_room([join("g1")])
    roster.update([listed("g1")])
    roster.rename("g1", "a\ud800b" + "x" * 100_000)
    (change,) = roster.changes(0)
    assert change.name.encode()
    assert change.name.startswith("a?b") and len(change.name) == MAX_TEXT_CHARACTERS


VALUES = st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.lists(st.integers(), max_size=1)
ROOM_FIELDS = ["sessionid", "userid", "user"]
CALL_FIELDS = ["sessionId", "inCall", "userId", "internal", "actorType", "actorId", "displayName"]
ENTRIES = st.lists(st.dictionaries(st.sampled_from(ROOM_FIELDS + CALL_FIELDS), VALUES))


@given(ENTRIES, ENTRIES, st.lists(VALUES))
def test_any_values_are_taken_or_passed_over(joins: Any, users: Any, leaves: Any) -> None:
    roster = Roster()
    roster.joined_room(joins)
    roster.update(users)
    roster.left_room(leaves)
    for change in roster.changes(0):
        change.name.encode()


def test_who_comes_and_goes_without_end_is_told_at_a_pace_and_truly_in_the_end() -> None:
    roster = Roster()
    roster.joined_room([{"sessionid": "s", "userid": "mira"}, {"sessionid": "g"}])
    told = []
    for number in range(1001):
        roster.update([{"sessionId": "s", "inCall": 7 if number % 2 == 0 else 0}])
        told += roster.changes(0)
        roster.rename("g", f"Guest {number}")
    assert len(told) == BURST
    roster.update([{"sessionId": "g", "inCall": 7}])
    kinds = [(change.kind, change.participant) for change in roster.changes(REFILL_S)]
    assert kinds == [("joined", "users/mira"), ("joined", "session/g")]
    assert roster.changes(100) == []


def test_who_was_there_before_this_process_and_has_left_since_is_told() -> None:
    roster = Roster(frozenset({"users/mira", "users/ole", "session/old"}))
    assert roster.changes(0) == []
    roster.joined_room([join("s-ole", "ole", "Ole")])
    assert roster.changes(100) == []  # nobody has said who is in the call
    roster.update([listed("s-ole")])
    assert roster.changes(200) == [Change("joined", "users/ole", "Ole")]
    assert roster.changes(200 + NAMED_AGAIN_S / 2) == []
    later = 200 + NAMED_AGAIN_S
    assert roster.changes(later) == [Change("left", "session/old"), Change("left", "users/mira")]
    assert roster.changes(later + 1) == []
    roster.update([listed("s-ole", 0)])
    assert roster.changes(later + 2) == [Change("left", "users/ole")]


def test_who_was_there_before_and_comes_slowly_has_not_left() -> None:
    roster = Roster(frozenset({"users/mira"}))
    roster.update([listed("s-mira")])
    assert roster.changes(0) == []
    roster.joined_room([join("s-mira", "mira", "Mira")])
    assert roster.changes(NAMED_AGAIN_S) == [Change("joined", "users/mira", "Mira")]
    assert roster.changes(10 * NAMED_AGAIN_S) == []


def test_who_left_before_the_list_was_told_is_told_once_and_may_come_back() -> None:
    roster = Roster(frozenset({"users/mira"}))
    roster.update([])
    roster.changes(0)
    assert roster.changes(NAMED_AGAIN_S) == [Change("left", "users/mira")]
    roster.joined_room([join("s-mira", "mira", "Mira")])
    roster.update([listed("s-mira")])
    assert roster.changes(NAMED_AGAIN_S) == [Change("joined", "users/mira", "Mira")]
