"""The durable workflow of each recording, as the rest of the recorder sees it.

What runs the workflows is loaded behind everything else: it takes seconds, in which a recorder that starts
again should rather be back in its calls.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from callrec.recorder.lifecycle.life import RETRY_WRITING_S, Life
from callrec.recorder.lifecycle.recordings import Recordings
from callrec.recorder.lifecycle.states import AT_REST

if TYPE_CHECKING:
    from callrec.recorder.lifecycle.dbos_workflows import Workflows

log = structlog.get_logger()


class Lifecycle:
    """Runs one workflow per recording, once it is launched."""

    def __init__(
        self,
        *,
        database: Path,
        recordings: Recordings,
        life: Life,
        meanwhile: Callable[[str], object] = lambda _recording_id: None,
    ) -> None:
        """*meanwhile* is told of recordings that are to begin before there are workflows."""
        self._database = database
        self._recordings = recordings
        self._life = life
        self._meanwhile = meanwhile
        self._loop = asyncio.get_running_loop()
        self._loading: asyncio.Future[Workflows] | None = None
        self._workflows: Workflows | None = None

    async def launch(self) -> None:
        """Load and start workflows: unfinished ones go on, and folders without one get theirs."""
        while True:
            try:
                await self._launch()
            except Exception:  # a full disk, most likely; captures go on meanwhile
                log.exception("recording_workflows_not_launched")
                await asyncio.sleep(RETRY_WRITING_S)
            else:
                return

    async def _launch(self) -> None:
        if self._workflows is None:
            self._loading = self._loop.run_in_executor(None, self._load)
            self._workflows = await asyncio.shield(self._loading)
        # From here on whoever begins a recording begins its workflow; those before are all known.
        for manifest in self._recordings.all():
            if manifest.state not in AT_REST:
                await self._workflows.begin(manifest.recording_id)
        self._workflows.tend()

    def _load(self) -> "Workflows":
        from callrec.recorder.lifecycle.dbos_workflows import Workflows

        return Workflows(
            database=self._database, recordings=self._recordings, life=self._life, loop=self._loop
        )

    async def begin(self, recording_id: str) -> None:
        """Start the workflow of a recording, unless it has one; before the launch, that will do so."""
        if self._workflows is None:
            self._meanwhile(recording_id)
        else:
            await self._workflows.begin(recording_id)

    async def close(self) -> None:
        """Stop; what was running goes on after the next launch."""
        if self._loading is not None:
            await asyncio.wait([self._loading])  # a thread cannot be cancelled
            if self._loading.exception() is None:
                await self._loading.result().close()
