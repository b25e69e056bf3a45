"""The capture process: one per recording, a child of control that never outlives it."""

import asyncio
import contextlib
import multiprocessing
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection

import structlog
import uvloop

from callrec import logs
from callrec.recorder.call import reports
from callrec.recorder.call.call import Call
from callrec.recorder.call.order import CaptureOrder
from callrec.recorder.capture import seams
from callrec.recorder.capture.log import CaptureLog
from callrec.recorder.folder.paths import FolderPaths

PARENT_GONE = "control_gone"

log = structlog.get_logger()


def run_capture(order: CaptureOrder, pipe: Connection) -> None:
    """Body of the child process: capture until told to stop, the call ends, or control is gone."""

    def tell(level: str, event: str) -> None:
        with contextlib.suppress(OSError):  # control is gone: nobody counts any more
            pipe.send(reports.Failure(level, event))

    logs.configure(order.log_level, as_json=order.log_json, on_failure=tell)
    # Ctrl-C reaches the whole process group; control decides what becomes of us.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    seams.install()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_capture(order, pipe))


async def _beat(emit: Callable[[reports.FromCapture], None]) -> None:
    """Tell control again and again that this loop runs."""
    while True:
        emit(reports.Alive())
        await asyncio.sleep(reports.ALIVE_EVERY_S)


async def _capture(order: CaptureOrder, pipe: Connection) -> None:
    capture_log = CaptureLog(FolderPaths(order.root), order.anchor)
    structlog.contextvars.bind_contextvars(recording=order.root.name)

    def emit(report: reports.FromCapture) -> None:
        try:
            pipe.send(report)
        except OSError:
            call.end(PARENT_GONE)

    call = Call(order, capture_log, emit)
    loop = asyncio.get_running_loop()

    def on_pipe() -> None:
        try:
            message = pipe.recv()
        except (EOFError, OSError):
            loop.remove_reader(pipe.fileno())
            call.end(PARENT_GONE)
            return
        if isinstance(message, reports.StopCapture):
            call.end(message.cause)

    loop.add_reader(pipe.fileno(), on_pipe)
    parent = multiprocessing.parent_process()
    if parent is not None:
        loop.add_reader(parent.sentinel, lambda: call.end(PARENT_GONE))
    loop.add_signal_handler(signal.SIGTERM, lambda: call.end(PARENT_GONE))
    log.info("capture_begins")
    cause = reports.CRASHED
    beating = asyncio.create_task(_beat(emit), name="beat")
    try:
        cause = await call.run()
    finally:
        beating.cancel()
        loop.remove_reader(pipe.fileno())
        if parent is not None:
            loop.remove_reader(parent.sentinel)
        end_ms = capture_log.time.now_ms()
        capture_log.close(cause)
        log.info("capture_closed", cause=cause)
    if cause != PARENT_GONE:
        pipe.send(reports.Ended(cause, end_ms))
