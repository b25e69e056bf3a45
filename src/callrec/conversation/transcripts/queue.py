"""The durable queue of transcripts and summaries: who works at which job, and when it is tried again.

Any server process may take a job, under a lease. A job's end (its file and notification, or the news of its
failure) is written together with the deletion of its row, and only by the process that has it: so it ends
once, whatever dies in between. Times are those of the processes' own clocks, which must agree within seconds.
"""

import secrets
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, select, true, update

from callrec.conversation.db.base import utc_now
from callrec.conversation.db.engine import Database, WriteSession
from callrec.conversation.db.notices import TRANSCRIPTS
from callrec.conversation.db.tables_transcripts import NOBODY_SINCE, TranscriptJob

LEASE = timedelta(seconds=15)
"""A process that has not renewed its leases for so long is dead, and another one goes on."""
LONGEST_WAIT = timedelta(hours=1)
"""Between two attempts."""


class JobQueue:
    """The queue as one process sees it."""

    def __init__(self, db: Database, *, retry_first_s: float, retry_for_s: float) -> None:
        self._db = db
        self._holder = secrets.token_hex(8)
        self._retry_first = timedelta(seconds=retry_first_s)
        self._retry_for = timedelta(seconds=retry_for_s)

    async def claim_due(self, busy: Collection[int]) -> TranscriptJob | None:
        """Take the next job that may be tried now, none of *busy*; None when there is none."""
        now = utc_now()
        due = (
            select(TranscriptJob.id)
            .where(TranscriptJob.due_at <= now, TranscriptJob.leased_until < now)
            .where(TranscriptJob.id.not_in(busy))
            .order_by(TranscriptJob.due_at, TranscriptJob.id)
            .limit(1)
        )
        async with self._db.read() as session:
            found = await session.scalar(due)
        return None if found is None else await self.claim(found)

    async def claim(self, job_id: int) -> TranscriptJob | None:
        """Take one job, due or not; None when it is gone or another process has it."""
        async with self._db.write() as tx:
            job = await tx.get(TranscriptJob, job_id)
            if job is None or job.leased_until >= utc_now():
                return None
            job.holder, job.leased_until = self._holder, utc_now() + LEASE
            return job

    async def next_due(self) -> datetime | None:
        """Return when the next job that nobody has is to be tried."""
        free = TranscriptJob.leased_until < utc_now()
        async with self._db.read() as session:
            return await session.scalar(
                select(TranscriptJob.due_at).where(free).order_by(TranscriptJob.due_at).limit(1)
            )

    @asynccontextmanager
    async def ending(self, job_id: int) -> AsyncIterator[tuple[WriteSession, TranscriptJob | None]]:
        """Open the transaction that ends a job.

        None in place of the job when it is not ours any more, or gone with its room, owner or recording: then
        nothing may be written about it.
        """
        async with self._db.write() as tx:
            job = await tx.get(TranscriptJob, job_id)
            yield tx, job if job is not None and job.holder == self._holder else None

    async def put_back(self, job_id: int) -> bool:
        """Have a job that failed tried again later; False when it is time to give it up."""
        async with self.ending(job_id) as (tx, job):
            if job is None:
                return True
            waits = [min(self._retry_first * 2**n, LONGEST_WAIT) for n in range(job.attempts + 1)]
            if sum(waits, timedelta()) > self._retry_for:
                return False
            job.attempts += 1
            job.due_at, job.holder, job.leased_until = utc_now() + waits[-1], "", NOBODY_SINCE
            tx.notice(TRANSCRIPTS)
        return True

    async def renew(self, busy: Collection[int]) -> None:
        """Keep the jobs *busy*, at which this process works."""
        await self._set_lease(TranscriptJob.id.in_(busy), utc_now() + LEASE)

    async def give_up_all(self) -> None:
        """Let others have what this process has: it ends."""
        await self._set_lease(true(), NOBODY_SINCE)

    async def free_all(self) -> None:
        """Void all leases, where no other process can hold any: what died just now left them."""
        async with self._db.write() as tx:
            await tx.execute(update(TranscriptJob).values(leased_until=NOBODY_SINCE))

    async def _set_lease(self, which: ColumnElement[bool], until: datetime) -> None:
        async with self._db.write() as tx:
            mine = update(TranscriptJob).where(TranscriptJob.holder == self._holder, which)
            await tx.execute(mine.values(leased_until=until))


def add_job(
    tx: WriteSession, *, kind: str, room_id: int, owner_id: str, node_id: int, text: str | None = None
) -> None:
    """Have a text made of the recording *node_id* as soon as *tx* is committed."""
    tx.add(TranscriptJob(kind=kind, room_id=room_id, owner_id=owner_id, node_id=node_id, text=text))
    tx.notice(TRANSCRIPTS)


async def waiting_jobs(db: Database) -> list[tuple[int, str]]:
    """Return ids and kinds of all jobs, oldest first."""
    async with db.read() as session:
        rows = await session.execute(select(TranscriptJob.id, TranscriptJob.kind).order_by(TranscriptJob.id))
        return [(job_id, kind) for job_id, kind in rows]
