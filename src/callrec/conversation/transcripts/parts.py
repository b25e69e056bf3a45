"""The parts of transcripts and summaries put together, and what runs beside requests."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog
from sqlalchemy.exc import SQLAlchemyError

from callrec.conversation.blobs.store import BlobStore
from callrec.conversation.core import Core
from callrec.conversation.db.notices import TRANSCRIPTS
from callrec.conversation.test_mode.provider import FakeProvider
from callrec.conversation.transcripts.http_provider import HttpProvider
from callrec.conversation.transcripts.provider import Provider
from callrec.conversation.transcripts.queue import JobQueue
from callrec.conversation.transcripts.schedule import Schedule
from callrec.conversation.transcripts.stages import Stages
from callrec.conversation.transcripts.worker import Worker

log = structlog.get_logger()


@dataclass(frozen=True)
class Transcripts:
    """What schedules and carries out jobs."""

    core: Core
    provider: Provider
    queue: JobQueue
    schedule: Schedule
    stages: Stages
    _worker: Worker

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Carry out jobs while the context is open.

        Not in test mode, where they wait for the console; nor without a provider, where they wait for one.
        """
        try:
            if await self._carries_out():
                async with self._working():
                    yield
            else:
                yield
        finally:
            await self.provider.aclose()

    async def _carries_out(self) -> bool:
        if self.core.config.settings.test_mode:
            return False
        async with self.core.db.read() as session:
            return (await self.provider.abilities(session)).transcribes

    @asynccontextmanager
    async def _working(self) -> AsyncIterator[None]:
        if self.core.db.exclusive:
            await self.queue.free_all()
        working = asyncio.create_task(self._worker.run(), name="transcripts")
        try:
            yield
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
            try:
                await self.queue.give_up_all()
            except (SQLAlchemyError, OSError):
                log.exception("transcript_leases_kept")  # they expire by themselves


def build(core: Core, blobs: BlobStore) -> Transcripts:
    """Put the parts together; nothing runs yet."""
    settings = core.config.settings
    fake = FakeProvider(core.db, core.configuration)
    provider: Provider = fake if settings.test_mode else HttpProvider(settings)
    schedule = Schedule(core.configuration, provider)
    queue = JobQueue(
        core.db,
        retry_first_s=settings.transcript_retry_first_s,
        retry_for_s=settings.transcript_retry_for_s,
    )
    stages = Stages(core.db, blobs, provider, schedule, queue, newer_names=settings.newer_transcript_names)
    worker = Worker(queue, stages)
    core.db.notices.subscribe(TRANSCRIPTS, worker.hear)
    return Transcripts(core, provider, queue, schedule, stages, worker)
