"""Composing that uses the CPU and gets nowhere: it is ended, named, and begun again with growing waits."""

import asyncio
import signal
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from callrec.observe import failures
from callrec.recorder.compose import headway
from callrec.recorder.compose.film import ComposeOptions
from callrec.recorder.compose.hands import Hands
from callrec.recorder.deliver.retry import Backoff
from callrec.recorder.lifecycle.composers import Composers
from callrec.recorder.lifecycle.nursery import forkserver_context
from callrec.recorder.lifecycle.recordings import Recordings
from tests.recorder.synthetic import ANNA, SyntheticRecording

SMALL = ComposeOptions(320, 180)


def _circle() -> None:
    headway.FRUITLESS_CPU_S = 1
    headway.made()
    while True:
        pass


class Circling(Hands):
    """Whoever has them goes round in circles when he should compose a chunk."""

    def slot(
        self, wait_s: float = 0, waits: Callable[[], object] = lambda: None
    ) -> AbstractContextManager[None]:
        _circle()
        return super().slot(wait_s, waits)


class HelperCircling(Hands):
    """Only helpers do, who do not say how long they wait."""

    def slot(
        self, wait_s: float = -1, waits: Callable[[], object] = lambda: None
    ) -> AbstractContextManager[None]:
        if wait_s == -1:
            _circle()
        return super().slot(wait_s, waits)


class CirclingBehind(ComposeOptions):
    """So does who asks whether there is something to compose behind the call."""

    def __getattribute__(self, name: str) -> object:
        if name == "fps":
            _circle()
        return super().__getattribute__(name)


def recorded(tmp_path: Path, duration_ms: int = 2000) -> SyntheticRecording:
    """Return a recording that is still captured."""
    recording = SyntheticRecording(tmp_path / "recordings" / "r1", [ANNA], duration_ms)
    recording.write()
    return recording


def composers(tmp_path: Path, hands: Hands, options: ComposeOptions = SMALL) -> Composers:
    return Composers(Recordings(tmp_path / "recordings"), lambda _id: options, forkserver_context(), hands)


async def test_it_is_ended_and_named(tmp_path: Path) -> None:
    recorded(tmp_path).close()
    stuck = composers(tmp_path, Circling(1))
    with capture_logs() as logs:
        async with asyncio.timeout(120):
            assert await stuck.begin("r1") == -signal.SIGXCPU
    await stuck.close()
    told = [line["event"] for line in logs if line["log_level"] == "error"]
    assert told == ["compose_looped", "compose_ended"]


async def test_a_helper_that_does_is_named_and_the_others_do_its_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[str] = []
    monkeypatch.setattr(failures, "count", lambda _level, event: counted.append(event))
    recorded(tmp_path, 60_000).close()
    some = composers(tmp_path, HelperCircling(2))
    async with asyncio.timeout(120):
        assert await some.begin("r1") == 0
    await some.close()
    assert counted == ["compose_looped"]


async def test_in_mid_call_it_is_begun_again_less_and_less_often(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    again = Backoff(0.1, 0.1, 1e9)
    waited: list[int] = []

    class Noting(Backoff):
        def wait_s(self, attempt: int) -> float:
            waited.append(attempt)
            return again.wait_s(attempt)

    module = "callrec.recorder.lifecycle.composers"
    monkeypatch.setattr(f"{module}.STUCK_AGAIN", Noting(1, 1, 1e9))
    monkeypatch.setattr(f"{module}.SETTLED_S", 0)
    recording = recorded(tmp_path)
    stuck = composers(tmp_path, Hands(1), CirclingBehind(320, 180))
    stuck.begin("r1")
    async with asyncio.timeout(120):
        while len(waited) < 2:
            await asyncio.sleep(0.05)
    await stuck.close()
    recording.close()
    assert waited == [0, 1]
