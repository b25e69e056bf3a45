"""The process that the recorder's children are forked from: it has loaded what they need."""

import multiprocessing
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext

_LOADED = ["callrec.recorder.call.process", "callrec.recorder.compose.worker", "callrec.logs"]


def forkserver_context() -> ForkServerContext:
    """Begin that process unless it runs, and return its context; what is not loaded yet is waited for."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_LOADED)
    forkserver.ensure_running()
    return context
