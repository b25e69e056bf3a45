"""The attempts at the work of recordings that run now, and how an operator ends one."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from callrec import clock
from callrec.recorder.deliver.begun import UploadNote
from callrec.recorder.deliver.errand import Errand
from callrec.recorder.lifecycle.states import GONE, Change

WORD_WAIT_S = 5.0
"""So long an attempt of which only the backend's answer is missing may still get it, when it is to end."""

_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Attempting:
    """An attempt that runs."""

    since_s: float
    """Wall time at which it began."""
    errand: Errand
    task: "asyncio.Task[Any]"


class Attempts:
    """At most one attempt per recording; none while somebody holds the recording."""

    def __init__(self, note_of: Callable[[str], UploadNote | None] = lambda _recording_id: None) -> None:
        """*note_of*: where it is noted what a backend has of a recording's film."""
        self._note_of = note_of
        self._running: dict[str, Attempting] = {}
        self._errands: dict[str, Errand] = {}
        self._holders: Counter[str] = Counter()
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._released = asyncio.Condition()

    def get(self, recording_id: str) -> Attempting | None:
        """Return the attempt that runs, if one does."""
        return self._running.get(recording_id)

    def errand(self, recording_id: str) -> Errand:
        """Return what the recording's present state has to bring; attempts follow each other with it."""
        errand = self._errands.get(recording_id)
        if errand is None:
            errand = self._errands[recording_id] = Errand(self._note_of(recording_id))
        return errand

    def hear(self, change: Change) -> None:
        """Forget the errand of a state that is over; of one that is parked it is gone on with."""
        if change.state in GONE or "parked" not in (change.before, change.state):
            self._errands.pop(change.manifest.recording_id, None)

    async def run(
        self, recording_id: str, work: Callable[[Errand], Coroutine[Any, Any, _Result]]
    ) -> _Result | None:
        """Do *work* as soon as nobody holds the recording; None: it was ended."""
        async with self._released:
            await self._released.wait_for(lambda: not self._holders[recording_id])
        errand = self.errand(recording_id)
        task = asyncio.create_task(work(errand), name=f"attempt {recording_id}")
        self._running[recording_id] = Attempting(clock.wall_s(), errand, task)
        task.add_done_callback(lambda _: self._running.pop(recording_id))  # before anybody hears of its end
        try:
            await asyncio.wait([task])
        finally:  # when we are cancelled ourselves it ends with us
            await _end(task)
        return None if task.cancelled() else task.result()

    @asynccontextmanager
    async def held(self, recording_id: str) -> AsyncIterator[None]:
        """End the attempt that runs, and let none begin until the block ends.

        One that only waits for the backend's answer may have it, for a moment: then it counts.
        """
        self._holders[recording_id] += 1
        turn = self._turns.setdefault(recording_id, asyncio.Lock())
        try:
            async with turn:
                attempting = self._running.get(recording_id)
                if attempting is not None:
                    await attempting.errand.word(WORD_WAIT_S)
                    await _end(attempting.task)
                yield
        finally:
            self._holders[recording_id] -= 1
            if not self._holders[recording_id]:
                del self._holders[recording_id]
            async with self._released:
                self._released.notify_all()


async def _end(task: "asyncio.Task[Any]") -> None:
    task.cancel()
    await asyncio.wait([task])
