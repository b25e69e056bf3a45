"""What a recorder that starts does with what is there: first back into the calls, then everything else."""

import asyncio

from callrec.recorder.lifecycle.captures import Captures
from callrec.recorder.lifecycle.recordings import Recordings
from callrec.recorder.lifecycle.states import LIVE
from callrec.recorder.lifecycle.sweep import sweep_all
from callrec.recorder.lifecycle.workflow import Lifecycle

BACK_IN_CALLS_S = 5.0
"""At most so long what takes a core for seconds waits until media flows again."""


class Recovery:
    """Goes on with the recordings that are known when it is made."""

    def __init__(self, recordings: Recordings, captures: Captures, lifecycle: Lifecycle) -> None:
        """Begin the captures of those that were live."""
        self._recordings = recordings
        self._captures = captures
        self._lifecycle = lifecycle
        live = [manifest for manifest in recordings.all() if manifest.state in LIVE]
        self._others = [manifest for manifest in recordings.all() if manifest.state not in LIVE]
        sweep_all(recordings, live)
        for manifest in live:
            captures.begin(manifest.recording_id)

    async def back_in_calls(self) -> None:
        """Wait until media flows again, as far as it does soon."""
        await self._captures.in_calls.all(BACK_IN_CALLS_S)

    async def run(self) -> None:
        """Clear up, and launch the workflows."""
        await self.back_in_calls()
        await asyncio.to_thread(sweep_all, self._recordings, self._others)
        await self._lifecycle.launch()
