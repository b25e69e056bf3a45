"""Child processes that compose chunks beside each other, each told by the parent what is next.

A chunk is a file that appears whole, and any process makes the same one: so whatever dies, what was finished
stays, and the rest is made by others, or by a later run.
"""

import contextlib
import multiprocessing
import signal
import sys
import threading
from collections.abc import Callable, Generator, Iterator
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from queue import SimpleQueue

import structlog

from callrec.errors import CallrecError, ComposeFailed
from callrec.recorder.compose import headway
from callrec.recorder.compose.child import Heartbeat, Tell, begin_child
from callrec.recorder.compose.division import Division
from callrec.recorder.compose.film import Chunk
from callrec.recorder.compose.hands import Hands
from callrec.recorder.compose.plan import Plan

_log = structlog.get_logger()

_SPAWN = multiprocessing.get_context("spawn")
_DONE, _FAILED = "done", "failed"
_FRUITLESS_ROUNDS = 3


def compose_missing(
    plan: Plan,
    duration_ms: int,
    hands: Hands,
    *,
    own: Callable[[Chunk], None] | None = None,
    tell: Tell = lambda _level, _event: None,
) -> Generator[Chunk, None, None]:
    """Compose what is missing or damaged of a film of that length, and yield each chunk when it is done.

    *own* composes a chunk in this process, as one of the workers; None: all are children. *tell* is told of
    warnings and errors that children log, and that they wait.

    Raises:
        ComposeFailed: children die again and again without having finished anything.
    """
    plan.discard_damaged(duration_ms)
    fruitless = 0
    while missing := plan.missing(duration_ms):
        workers = hands.useful(len(missing))
        division = Division(missing, workers)
        done = 0
        with _Crew(plan, division, hands, tell, last=missing[-1]) as crew:
            crew.start(range(0 if own is None else 1, workers))
            while own is not None and (chunk := division.next(0)) is not None:
                own(chunk)
                yield chunk
                done += 1
            for chunk in crew.done():
                yield chunk
                done += 1
        fruitless = 0 if done else fruitless + 1
        if fruitless == _FRUITLESS_ROUNDS:
            raise ComposeFailed(crew.problem)


class _Crew:
    """One thread for each child: it asks the division what is next, and waits until that is done."""

    def __init__(self, plan: Plan, division: Division, hands: Hands, tell: Tell, *, last: Chunk) -> None:
        self.problem = "the composing process ended"
        self._plan = plan
        self._division = division
        self._hands = hands
        self._tell = tell
        self._last = last
        self._threads: list[threading.Thread] = []
        self._processes: list[SpawnProcess] = []
        self._finished: SimpleQueue[Chunk | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._ending = False

    def __enter__(self) -> "_Crew":
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._ending = True
            for process in self._processes:
                process.kill()
        for thread in self._threads:
            thread.join()

    def start(self, workers: range) -> None:
        """Start a child for each of these workers."""
        for worker in workers:
            thread = threading.Thread(target=self._lead, args=(worker,), name=f"compose-{worker}")
            self._threads.append(thread)
            thread.start()

    def done(self) -> Iterator[Chunk]:
        """Yield what children have finished, until the last of them has ended."""
        running = len(self._threads)
        while running:
            chunk = self._finished.get()
            if chunk is None:
                running -= 1
            else:
                yield chunk

    def _lead(self, worker: int) -> None:
        # Inherited by the child: Ctrl-C is for the main thread, also before the child can ignore it.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        ours, theirs = _SPAWN.Pipe()
        process = _SPAWN.Process(
            target=_work, args=(self._plan, self._last, self._hands, theirs), name="callrec-compose"
        )
        try:
            with self._lock:
                if self._ending:
                    return
                process.start()
                self._processes.append(process)
            theirs.close()
            while (chunk := self._division.next(worker)) is not None:
                if not self._order(ours, chunk):
                    self._division.give_back(worker, chunk)
                    break
                self._finished.put(chunk)
            ours.close()  # so a child that waits for more ends
            process.join()
            if process.exitcode == -headway.ENDED_BY:
                self.problem = "the composing process went round in circles"
                _log.error("compose_looped", pid=process.pid)
        finally:
            self._finished.put(None)

    def _order(self, child: Connection, chunk: Chunk) -> bool:
        """Let *child* compose *chunk*; False when it could not."""
        try:
            child.send(chunk)
            while True:
                what, text = child.recv()
                if what == _DONE:
                    return True
                if what == _FAILED:
                    self.problem = text
                    return False
                self._tell(what, text)
        except (EOFError, OSError):  # it is dead
            return False


def _work(plan: Plan, last: Chunk, hands: Hands, parent: Connection) -> None:
    """Compose what *parent* says; the body of a child."""

    def tell(level: str, event: str) -> None:
        with contextlib.suppress(OSError):  # nobody counts any more
            parent.send((level, event))

    begin_child(hands.logs, plan.root.name, tell)
    alive = Heartbeat(tell)
    composer, at = plan.composer(), -1
    while True:
        try:
            chunk = parent.recv()
        except EOFError:
            return
        try:
            if chunk.index <= at:  # a composer never goes back
                composer = plan.composer()
            with hands.slot(waits=alive):
                composer.compose(chunk)
            at = chunk.index
            if chunk == last:
                composer.report_damage()
        except (OSError, CallrecError) as error:
            _log.error("compose_chunk_failed", chunk=chunk.index, error=str(error))
            parent.send((_FAILED, str(error)))
            sys.exit(1)
        parent.send((_DONE, ""))
