"""A composing process as control has it: started, watched, ended."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Iterator
from multiprocessing import connection
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path

from callrec import clock
from callrec.observe import failures
from callrec.recorder.compose.child import ALIVE
from callrec.recorder.compose.film import ComposeOptions
from callrec.recorder.compose.hands import Hands
from callrec.recorder.lifecycle.children import run_composing

LOOK_EVERY_S = 10.0
SILENT_LOOKS = 6
"""A process has hung when in so many looks in a row neither it nor a helper of it has used the CPU, or said
that it waits. However busy the machine is, in a minute a niced process gets some of it."""


class ComposeProcess:
    """One child process and its helpers; only ``start`` makes one."""

    def __init__(self, process: ForkServerProcess, pipe: Connection) -> None:
        assert process.pid is not None, "it was started"
        self.pid = process.pid
        self._process = process
        self._pipe = pipe
        self._heard = False
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(pipe.fileno(), self._receive)

    @classmethod
    async def start(
        cls,
        context: ForkServerContext,
        root: Path,
        options: ComposeOptions,
        hands: Hands,
        tracks: Path | None,
    ) -> "ComposeProcess":
        """Start a process that composes the recording in the folder *root*. Raises OSError or EOFError."""
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(
            target=run_composing, args=(root, options, hands, tracks, theirs), name="callrec-compose"
        )
        starting = asyncio.ensure_future(asyncio.to_thread(process.start))
        try:
            await asyncio.shield(starting)
        except asyncio.CancelledError:
            await starting  # a thread goes on: what it starts must not be left behind
            await asyncio.to_thread(_kill, process)
            ours.close()
            raise
        except (OSError, EOFError):
            ours.close()
            raise
        finally:
            theirs.close()
        return cls(process, ours)

    async def exit_code(self) -> int:
        """Wait for its end and return its exit code (negative: the signal that ended it).

        Raises:
            TimeoutError: it has hung.
        """
        ended = asyncio.Event()
        self._loop.add_reader(self._process.sentinel, ended.set)
        try:
            before: object = None
            silent_looks = 0
            while silent_looks < SILENT_LOOKS:
                self._heard = False
                if await clock.is_set_within(ended, LOOK_EVERY_S):
                    self._process.join()
                    return self._process.exitcode if self._process.exitcode is not None else 1
                now = await asyncio.to_thread(_cpu_ticks, self.pid)
                silent_looks = 0 if self._heard or now is None or now != before else silent_looks + 1
                before = now
        finally:
            self._loop.remove_reader(self._process.sentinel)
        raise TimeoutError

    async def end(self) -> None:
        """End it with its helpers, if it has not ended: nobody writes there any more."""
        # When the server died that it was forked from, there is an exit code all the same; the pipe knows.
        is_gone = self._process.exitcode is not None and self._drain()
        if not is_gone:
            await asyncio.to_thread(_kill, self._process)
            self._drain()
        self._loop.remove_reader(self._pipe.fileno())
        self._pipe.close()

    def _drain(self) -> bool:
        """Read all that it said; return whether there is nobody who could say more."""
        while (is_open := self._receive()) and self._pipe.poll():
            pass
        return not is_open

    def _receive(self) -> bool:
        """Read what it said; False when its end of the pipe is closed."""
        try:
            if self._pipe.poll():
                message = self._pipe.recv()
                self._heard = True
                if message != ALIVE:
                    failures.count(*message)
        except (EOFError, OSError):
            self._loop.remove_reader(self._pipe.fileno())
            return False
        return True


def _kill(process: ForkServerProcess) -> None:
    """Kill a process and its helpers; returns when all have ended."""
    assert process.pid is not None, "it was started"
    pids: list[int] = []
    try:
        os.kill(process.pid, signal.SIGSTOP)  # no further helper
        for pid in (process.pid, *_helpers(process.pid)):
            pids.append(os.pidfd_open(pid))
    except (OSError, AttributeError):
        pass  # it has ended, or this is no Linux: helpers end by themselves, a moment after it
    process.kill()
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(pid, signal.SIGKILL)
        connection.wait([pid])
        os.close(pid)
    process.join()


def _helpers(pid: int) -> Iterator[int]:
    for file in Path(f"/proc/{pid}/task").glob("*/children"):
        yield from map(int, file.read_text().split())


def _cpu_ticks(pid: int) -> dict[int, int] | None:
    """Return what CPU time a process and its helpers have used; None where that cannot be told."""
    ticks = {}
    try:
        for each in (pid, *_helpers(pid)):
            fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
            ticks[each] = int(fields[11]) + int(fields[12])  # proc_pid_stat(5): utime, stime
    except OSError:  # one of them has just ended, or this is no Linux
        return None
    return ticks
