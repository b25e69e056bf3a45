"""Where the recorder's process begins.

It is told what to do as bytes, so that nothing of it is loaded yet: first the process is begun that its
children are forked from, which then loads on another core what they need.
"""

import gc
import pickle
from pathlib import Path

from callrec.recorder.lifecycle.nursery import forkserver_context


def begin_recorder(told: tuple[Path, bytes]) -> None:
    """Run the recorder's control until told to stop.

    It is told its data directory, and a pickled ``RecorderProgram``.
    """
    data, pickled_program = told
    forkserver_context(data)
    gc.disable()  # nothing that is loaded is garbage, and looking for some takes an eighth of the time
    from callrec.app.programs import run_recorder
    from callrec.recorder import build as _  # noqa: F401 - what the program loads

    gc.freeze()
    gc.enable()
    run_recorder(pickle.loads(pickled_program))  # noqa: S301 - it comes from our parent, by a pipe
