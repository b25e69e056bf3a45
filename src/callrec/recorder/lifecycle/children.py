"""Where the recorder's child processes begin. Control knows these names, and not what is behind them.

What a child needs was loaded by the process that it is forked from (``nursery``); a control that loaded it,
too, would be back in its calls later.
"""

from multiprocessing.connection import Connection
from pathlib import Path

from callrec.recorder.call.order import CaptureOrder
from callrec.recorder.compose.film import ComposeOptions
from callrec.recorder.compose.hands import Hands


def run_capture(order: CaptureOrder, pipe: Connection) -> None:
    """Capture until told to stop, the call ends, or control is gone."""
    from callrec.recorder.call import process

    process.run_capture(order, pipe)


def run_composing(
    root: Path, options: ComposeOptions, hands: Hands, tracks: Path | None, parent: Connection
) -> None:
    """Compose the recording in the folder *root* until its film is there."""
    from callrec.recorder.compose import worker

    worker.run_worker(root, options, hands, tracks, parent)
