"""An event loop whose clock jumps to the next thing to do: days pass in milliseconds, always alike."""

import asyncio
import selectors
from collections.abc import Callable
from typing import Any


class NothingWillHappen(Exception):
    """Somebody waits, and nothing is left that could wake anybody."""


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """All waiting is jumped over. There must be no threads and no processes: files and pipes only."""

    def __init__(self) -> None:
        self.now_s = 0.0
        super().__init__(_Jumping(self))

    def time(self) -> float:
        return self.now_s


class _Jumping(selectors.SelectSelector):
    def __init__(self, loop: VirtualTimeLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise NothingWillHappen
            self._loop.now_s += max(0.0, timeout)
        return ready


def threads_in_virtual_time(delay_s: Callable[[], float]) -> Callable[..., Any]:
    """Return an ``asyncio.to_thread`` that takes *delay_s* on the loop, and then does the work at once."""

    async def to_thread(work: Callable[..., Any], *args: Any) -> Any:
        async def run() -> Any:
            await asyncio.sleep(delay_s())
            return work(*args)

        # As with a thread: who is cancelled does not wait, but the work is done all the same.
        return await asyncio.shield(asyncio.ensure_future(run()))

    return to_thread
