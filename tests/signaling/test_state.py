"""The pure parts: queue, participant list, hub."""

import asyncio

import pytest

from callrec.signaling import frames
from callrec.signaling.config import SignalingConfig
from callrec.signaling.frames import CHAT_REFRESH, Frame
from callrec.signaling.hello import normal_url
from callrec.signaling.hub import Hub
from callrec.signaling.outbox import Outbox
from callrec.signaling.participants import ParticipantList
from callrec.signaling.session import Session
from callrec.wire.signaling import SignalingUser

CONFIG = SignalingConfig(internal_secret="the secret", backend_url="https://cloud.example")


async def drained(box: Outbox) -> list[Frame]:
    """Return everything that waits, by ending the outbox."""
    box.finish(Frame("end"))
    taken = []
    while (frame := await box.head()) is not None:
        box.sent(frame)
        taken.append(frame)
    return taken[:-1]


def outbox(max_messages: int = 10, max_bytes: int = 100) -> Outbox:
    return Outbox(max_messages=max_messages, max_bytes=max_bytes)


def test_the_secret_is_not_shown() -> None:
    assert "the secret" not in repr(CONFIG)


async def test_an_outbox_gives_what_was_put_in_order() -> None:
    box = outbox()
    waiting = asyncio.create_task(box.head())
    await asyncio.sleep(0)
    box.put(Frame("a"))
    box.finish(Frame("b"))
    box.put(Frame("too late"))
    first = await waiting
    assert first == Frame("a")
    assert await box.head() == first  # until it is said to be sent
    box.sent(first)
    assert await box.head() == Frame("b")
    box.sent(Frame("b"))  # another frame with the same text
    last = await box.head()
    assert last is not None
    box.sent(last)
    assert await box.head() is None


@pytest.mark.parametrize("box", [outbox(max_messages=2), outbox(max_bytes=2)])
async def test_a_full_outbox_breaks(box: Outbox) -> None:
    for text in "ab":
        box.put(Frame(text))
    assert not box.broken
    box.put(Frame("c"))
    assert box.broken
    box.put(Frame("d"))
    assert await drained(box) == []
    await box.until_broken()


def test_room_in_an_outbox_comes_back() -> None:
    box = outbox(max_messages=1, max_bytes=1)
    for text in "abc":
        box.put(frame := Frame(text))
        box.sent(frame)
    assert not box.broken


async def test_only_equal_chat_refreshes_collapse() -> None:
    box = outbox(max_bytes=10_000)
    refresh = [frames.room_message(token, CHAT_REFRESH) for token in ("room1", "room2")]
    other = frames.room_message("room1", {"type": "chat", "chat": {"refresh": True, "comment": {}}})
    for frame in (refresh[0], refresh[1], refresh[0], other, other):
        box.put(frame)
    assert await drained(box) == [*refresh, other, other]


def test_participants_without_socket_are_kept_only_in_the_call() -> None:
    people = ParticipantList()
    people.merge([], [{"sessionId": "a", "inCall": 7}, {"sessionId": "b", "inCall": 0}], present=["c"])
    assert [e["sessionId"] for e in people.translated({"a": "A", "b": "B"})] == ["A"]
    people.merge([], [], present=["c"])
    assert people.translated({"a": "A", "b": "B"}) == []


def test_a_change_wins_over_the_list() -> None:
    people = ParticipantList()
    people.merge([{"sessionId": "a", "inCall": 3}], [{"sessionId": "a", "inCall": 7, "userId": "x"}], ["a"])
    (entry,) = people.translated({"a": "A"})
    assert (entry["inCall"], entry["userId"]) == (3, "x")


def test_rooms_live_as_long_as_somebody_is_in_or_coming() -> None:
    hub, session = Hub(), Session(outbox())
    hub.open(session)
    room = hub.expect("room1")
    room.enter(session, "nc-1")
    hub.arrived(room)
    assert hub.rooms == {"room1": room}
    assert hub.expect("room1") is room
    hub.close(session, 0)
    assert hub.rooms == {"room1": room}
    hub.arrived(room)
    assert hub.rooms == {}
    assert hub.sessions == {}


def test_overdue_sessions() -> None:
    hub = Hub()
    guest, user, recorder, gone = (
        Session(outbox(), roomless_since_s=100),
        Session(outbox(), user=SignalingUser("mira"), roomless_since_s=100),
        Session(outbox(), internal=True, roomless_since_s=100),
        Session(outbox(), user=SignalingUser("tom"), detached_since_s=100),
    )
    for session in (guest, user, recorder, gone):
        hub.open(session)
    assert hub.strayed(CONFIG, 109.9) == []
    assert hub.strayed(CONFIG, 110) == [guest]
    assert hub.expired(CONFIG, 129.9) == []
    assert hub.expired(CONFIG, 130) == [gone]
    gone.outbox.break_off()
    assert hub.expired(CONFIG, 101) == [gone]


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("https://a.example/", "https://a.example"),
        ("wss://a.example/x//", "https://a.example/x"),
        ("ws://a.example:8080", "http://a.example:8080"),
        ("http://a.example", "http://a.example"),
    ],
)
def test_urls_are_compared_in_one_form(url: str, normal: str) -> None:
    assert normal_url(url) == normal
