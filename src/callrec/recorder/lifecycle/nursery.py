"""The process that the recorder's children are forked from: it has loaded what they need.

It listens on a socket, for which multiprocessing makes a directory where ``tempfile.tempdir`` says. One that
is killed leaves that behind, so it belongs where the recorder's next start clears up.
"""

import contextlib
import multiprocessing
import shutil
import tempfile
from multiprocessing import forkserver, util
from multiprocessing.context import ForkServerContext
from pathlib import Path

_LOADED = ["callrec.recorder.call.process", "callrec.recorder.compose.worker", "callrec.logs"]
_DIRECTORY = "run"
LONGEST_BYTES = 70
"""With the 33 of ``/pymp-…/listener-…`` a socket's address has room for no more (107, unix(7))."""


def forkserver_context(data: Path | None = None) -> ForkServerContext:
    """Begin that process unless it runs, and return its context; what is not loaded yet is waited for.

    *data*: the recorder's directory, in which its socket belongs; where the path of that is too long or the
    disk full, and by default, it lies in the system's directory for temporary files.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_LOADED)
    if data is not None:
        _place_socket(data.absolute() / _DIRECTORY)
    forkserver.ensure_running()
    return context


def sweep(data: Path) -> None:
    """Delete what recorders that were killed have left. None may run in *data* but this one."""
    own = Path(util.get_temp_dir())
    for left in (data / _DIRECTORY).glob("pymp-*"):
        if left.resolve() != own.resolve():
            shutil.rmtree(left, ignore_errors=True)


def _place_socket(directory: Path) -> None:
    if len(bytes(directory)) > LONGEST_BYTES:
        return
    before = tempfile.tempdir
    with contextlib.suppress(OSError):  # a full disk must not keep a recorder from starting
        directory.mkdir(mode=0o700, exist_ok=True)
        tempfile.tempdir = str(directory)
        util.get_temp_dir()  # made now, and once for this process
    tempfile.tempdir = before
