"""Working at transcripts and summaries while the server runs, a few at a time."""

import asyncio

import structlog

from callrec import clock
from callrec.conversation.db.base import utc_now
from callrec.conversation.db.tables_transcripts import TranscriptJob
from callrec.conversation.transcripts.queue import JobQueue
from callrec.conversation.transcripts.stages import Stages

AT_ONCE = 2
"""How many jobs a server process has at the provider, whose work it is."""
LOOK_S = 5.0
"""How often leases are renewed, and those of processes that died are found."""

log = structlog.get_logger()


class Worker:
    """Run :meth:`run` as a task; :meth:`hear` of each new job, whichever server process made it."""

    def __init__(self, queue: JobQueue, stages: Stages) -> None:
        self._queue = queue
        self._stages = stages
        self._busy: set[int] = set()
        self._woken = asyncio.Event()

    def hear(self, _key: str | None) -> None:
        """Look again: there may be a new job."""
        self._woken.set()

    async def run(self) -> None:
        """Carry out jobs until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._woken.clear()
                try:
                    wait_s = await self._begin(tasks)
                except Exception:  # the root of the task: the next look finds what this one missed
                    log.exception("transcript_worker_failed")
                    wait_s = LOOK_S
                await clock.is_set_within(self._woken, wait_s)

    async def _begin(self, tasks: asyncio.TaskGroup) -> float:
        """Begin what is due; return the seconds until it is time to look again."""
        if self._busy:
            await self._queue.renew(self._busy)
        while len(self._busy) < AT_ONCE:
            job = await self._queue.claim_due(self._busy)
            if job is None:
                break
            self._busy.add(job.id)
            tasks.create_task(self._carry_out(job), name=f"{job.kind} {job.id}")
        else:
            return LOOK_S
        due_at = await self._queue.next_due()
        if due_at is None:
            return LOOK_S
        return min(LOOK_S, max(0.0, (due_at - utc_now()).total_seconds()))

    async def _carry_out(self, job: TranscriptJob) -> None:
        try:
            await self._stages.carry_out(job)
        except Exception:  # the root of the task: the lease ends, and the job is tried again
            log.exception("transcript_worker_failed")
        finally:
            self._busy.discard(job.id)
            self._woken.set()
