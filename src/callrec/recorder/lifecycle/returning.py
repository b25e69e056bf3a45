"""Goes on with the recordings of homes that were away when the recorder started."""

import asyncio
from pathlib import Path

import structlog

from callrec.recorder.call import reports
from callrec.recorder.lifecycle.captures import Captures
from callrec.recorder.lifecycle.homes import Homes
from callrec.recorder.lifecycle.recordings import Recordings
from callrec.recorder.lifecycle.states import AT_REST, LIVE
from callrec.recorder.lifecycle.sweep import sweep_all
from callrec.recorder.lifecycle.workflow import Lifecycle

LOOK_EVERY_S = 5.0

log = structlog.get_logger()


class Returning:
    """Looks every few seconds while it runs, until all are back."""

    def __init__(
        self, homes: Homes, recordings: Recordings, captures: Captures, lifecycle: Lifecycle
    ) -> None:
        self._homes = homes
        self._recordings = recordings
        self._captures = captures
        self._lifecycle = lifecycle

    async def run(self) -> None:
        """Look until cancelled, or until there is nothing to wait for."""
        while self._homes.has_unopened:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                for home in self._homes.open_returned():
                    await self._take_up(home)
            except Exception:  # the root of a task: whatever it was, another home may come back
                log.exception("recording_home_not_taken_up")

    async def _take_up(self, home: Path) -> None:
        found = self._recordings.take_up(home)
        log.info("recording_home_back", home=str(home), recordings=len(found))
        manifests = [m for m in self._recordings.all() if m.recording_id in found]
        await asyncio.to_thread(sweep_all, self._recordings, manifests)
        for manifest in manifests:
            if manifest.state in LIVE:  # its call went on without it: nobody joins that again unasked
                self._captures.stop(manifest.recording_id, reports.CRASHED)
            if manifest.state not in AT_REST:
                await self._lifecycle.begin(manifest.recording_id)
