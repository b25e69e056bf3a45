"""A capture process as control has it: started, heard, told, ended."""

import asyncio
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, ForkServerProcess

import structlog

from callrec.recorder.call import reports
from callrec.recorder.call.order import CaptureOrder
from callrec.recorder.lifecycle.children import run_capture

LOOK_EVERY_S = 10.0
SILENT_LOOKS = 3
"""A process that was not heard in so many looks in a row has hung.

Looks are counted, and not seconds: a control that stood still itself, as on a machine that was suspended, has
not looked meanwhile.
"""
PATIENCE_S = 5.0
"""A process whose pipe is closed has so long to close its log."""
KILLED_WAIT_S = 10.0
"""A process that was killed is mostly gone within moments."""

log = structlog.get_logger()


class CaptureProcess:
    """One child process; only ``start`` makes one."""

    def __init__(self, process: ForkServerProcess, pipe: Connection) -> None:
        self._process = process
        self._pipe = pipe
        self._inbox: asyncio.Queue[reports.FromCapture | None] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()
        self._patience_s = PATIENCE_S
        self._loop.add_reader(pipe.fileno(), self._receive)

    @classmethod
    async def start(cls, context: ForkServerContext, order: CaptureOrder) -> "CaptureProcess":
        """Start a process that carries out *order*."""
        ours, theirs = context.Pipe()
        process = context.Process(target=run_capture, args=(order, theirs), name="callrec-capture")
        await asyncio.to_thread(process.start)
        theirs.close()
        return cls(process, ours)

    def tell(self, message: reports.StopCapture) -> None:
        """Send *message*. Raises OSError when the process is gone."""
        self._pipe.send(message)

    async def hear(self) -> reports.News | None:
        """Return what it reports next; None: it is gone.

        Raises:
            TimeoutError: it gives no sign of life; ``end`` will not wait for it.
        """
        silent_looks = 0
        while silent_looks < SILENT_LOOKS:
            try:
                async with asyncio.timeout(LOOK_EVERY_S):
                    report = await self._inbox.get()
            except TimeoutError:
                silent_looks += 1
                continue
            if not isinstance(report, reports.Alive):
                return report
            silent_looks = 0
        self._patience_s = 0
        raise TimeoutError

    def give_up(self, cause: str) -> None:
        """Take it as ended by *cause*; ``end`` will not wait for it."""
        self._patience_s = 0
        self._inbox.put_nowait(reports.Ended(cause, None))

    async def end(self) -> None:
        """Let go of it; returns when it has ended."""
        self._loop.remove_reader(self._pipe.fileno())
        self._pipe.close()  # it ends when its pipe does
        if not await asyncio.to_thread(_reap, self._process, self._patience_s):
            log.error("capture_not_killed", pid=self._process.pid)

    def _receive(self) -> None:
        try:
            self._inbox.put_nowait(self._pipe.recv())
        except (EOFError, OSError):
            self._loop.remove_reader(self._pipe.fileno())
            self._inbox.put_nowait(None)


def _reap(process: ForkServerProcess, patience_s: float) -> bool:
    """Return whether it has ended: one that waits for a disk for ever does not even when it is killed."""
    process.join(patience_s)
    if process.is_alive():
        process.kill()
        process.join(KILLED_WAIT_S)
    return not process.is_alive()
