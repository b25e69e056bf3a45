"""Whether the backend agrees that it is being recorded."""

import asyncio
from collections.abc import Iterator

import pytest

from callrec.errors import BackendAway, BackendRefused
from callrec.recorder.lifecycle import handshake as handshake_module
from callrec.recorder.lifecycle.handshake import Handshake
from callrec.wire.constants import RecordingStatus
from tests.waiting import PATIENCE_S

AWAY, REFUSED = BackendAway("away"), BackendRefused("no", 403)
Answer = bool | Exception


class Backend:
    """Answers each *started* with the next of *answers*; ``asked`` is set by each."""

    def __init__(self, *answers: Answer) -> None:
        self._answers: Iterator[Answer] = iter(answers)
        self.count = 0
        self.asked = asyncio.Event()

    async def send(self) -> bool:
        self.count += 1
        self.asked.set()
        answer = next(self._answers)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits that nobody waits for in a test."""
    monkeypatch.setattr(handshake_module, "MESSAGE_WAIT_S", 0.01)
    monkeypatch.setattr(handshake_module, "RETRY_S", (0.001, 0.001))


@pytest.fixture
def endless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits that only a message can end."""
    monkeypatch.setattr(handshake_module, "MESSAGE_WAIT_S", 60)
    monkeypatch.setattr(handshake_module, "RETRY_S", (60,))


async def test_a_200_is_an_acknowledgement() -> None:
    backend = Backend(True)
    assert await Handshake(backend.send).run() == "acknowledged"
    assert backend.count == 1


async def test_a_superseded_recording_is_refused() -> None:
    assert await Handshake(Backend(False).send).run() == "refused"


@pytest.mark.usefixtures("short")
async def test_a_refusal_without_a_message_is_a_refusal_and_not_repeated() -> None:
    backend = Backend(REFUSED)
    assert await Handshake(backend.send).run() == "refused"
    assert backend.count == 1


@pytest.mark.usefixtures("endless")
@pytest.mark.parametrize("status", [RecordingStatus.VIDEO, RecordingStatus.AUDIO])
@pytest.mark.parametrize("answer", [REFUSED, AWAY], ids=["refused", "away"])
async def test_a_room_message_after_the_answer_is_an_acknowledgement(
    answer: Exception, status: RecordingStatus
) -> None:
    backend = Backend(answer)
    handshake = Handshake(backend.send)
    running = asyncio.create_task(handshake.run())
    await backend.asked.wait()
    await asyncio.sleep(0)
    handshake.room_status(status)
    assert await asyncio.wait_for(running, PATIENCE_S) == "acknowledged"
    assert backend.count == 1


@pytest.mark.usefixtures("endless")
async def test_a_room_message_before_the_answer_counts_too() -> None:
    handshake = Handshake(Backend(REFUSED).send)
    handshake.room_status(RecordingStatus.VIDEO)
    assert await asyncio.wait_for(handshake.run(), PATIENCE_S) == "acknowledged"


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize(
    "status",
    [
        RecordingStatus.OFF,
        RecordingStatus.FAILED,
        RecordingStatus.STARTING_VIDEO,
        RecordingStatus.STARTING_AUDIO,
    ],
)
async def test_messages_of_an_older_recording_do_not_count(status: RecordingStatus) -> None:
    handshake = Handshake(Backend(REFUSED).send)
    handshake.room_status(status)
    assert await handshake.run() == "refused"


@pytest.mark.usefixtures("short")
async def test_an_unknown_outcome_is_asked_again_until_it_is_clear() -> None:
    backend = Backend(AWAY, AWAY, True)
    assert await Handshake(backend.send).run() == "acknowledged"
    backend = Backend(AWAY, REFUSED)  # it may have agreed to the first one: then it refuses a second
    assert await Handshake(backend.send).run() == "unknown"
    assert backend.count == 2
    assert await Handshake(Backend(REFUSED).send, unclear=True).run() == "unknown"


@pytest.mark.usefixtures("short")
async def test_a_room_that_waits_for_none_any_more_has_taken_the_one_whose_answer_died_with_us() -> None:
    gone = BackendRefused("no", 404, word="no_such_room")
    assert await Handshake(Backend(gone).send, unclear=True, presumed=True).run() == "acknowledged"
    assert await Handshake(Backend(gone).send, unclear=True).run() == "unknown"
    for others in ([REFUSED], [BackendRefused("a page of a proxy", 404)], [AWAY, gone]):
        assert await Handshake(Backend(*others).send, unclear=True, presumed=True).run() == "unknown"


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("status", [RecordingStatus.OFF, RecordingStatus.FAILED])
async def test_a_room_that_was_told_of_an_end_is_not_presumed_to_be_recorded(status: RecordingStatus) -> None:
    gone = BackendRefused("no", 404, word="no_such_room")
    handshake = Handshake(Backend(gone).send, unclear=True, presumed=True)
    handshake.room_status(status)
    assert await handshake.run() == "unknown"


@pytest.mark.usefixtures("short")
async def test_each_answer_that_is_no_agreement_is_told() -> None:
    told: list[str] = []
    await Handshake(Backend(AWAY, REFUSED).send, on_doubt=lambda: told.append("doubt")).run()
    await Handshake(Backend(True).send, on_doubt=lambda: told.append("none")).run()
    assert told == ["doubt", "doubt"]


@pytest.mark.usefixtures("short")
async def test_an_outcome_that_stays_unknown_is_unknown() -> None:
    backend = Backend(AWAY, AWAY, AWAY)
    assert await Handshake(backend.send).run() == "unknown"
    assert backend.count == 3


async def test_what_the_room_is_told_is_agreement() -> None:
    handshake = Handshake(Backend(True).send)
    assert not handshake.agreed
    handshake.room_status(RecordingStatus.STARTING_VIDEO)
    assert not handshake.agreed
    handshake.room_status(RecordingStatus.VIDEO)
    assert handshake.agreed


def test_the_waits_are_those_of_the_contract() -> None:
    assert handshake_module.MESSAGE_WAIT_S == 5
    assert sum(handshake_module.RETRY_S) + handshake_module.MESSAGE_WAIT_S < 60  # then the backend gives up


@pytest.mark.usefixtures("short")
async def test_a_fault_counts_as_an_unknown_outcome() -> None:
    backend = Backend(OverflowError("a strange answer"), True)
    assert await Handshake(backend.send).run() == "acknowledged"
    backend = Backend(OverflowError("a strange answer"), REFUSED)
    assert await Handshake(backend.send).run() == "unknown"
