"""The two stages: a transcript, then the summary of it (docs/wire.md, Transcripts and summaries).

The file, the notification and the next stage appear together, once, whatever dies in between.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from callrec.conversation import notifications
from callrec.conversation.blobs.store import BlobFailed, BlobStore
from callrec.conversation.db.engine import Database, WriteSession
from callrec.conversation.db.tables_recordings import Node
from callrec.conversation.db.tables_transcripts import SUMMARY, TRANSCRIPT, TranscriptJob
from callrec.conversation.files_arrival import discard
from callrec.conversation.files_changes import Content, add_file
from callrec.conversation.participants import find_attendee
from callrec.conversation.transcripts import texts
from callrec.conversation.transcripts.provider import Audio, Provider, ProviderFailed
from callrec.conversation.transcripts.queue import JobQueue, add_job
from callrec.conversation.transcripts.schedule import Schedule

_FAILED = {TRANSCRIPT: notifications.TRANSCRIPT_FAILED, SUMMARY: notifications.SUMMARY_FAILED}

log = structlog.get_logger()


@dataclass(frozen=True)
class _Result:
    """What came of a job: perhaps a file, perhaps a text to be summarized."""

    subject: str
    """Of the notification about the file."""
    name: Callable[[str], str]
    """Makes the file's name of that of the recording."""
    file: bytes | None = None
    to_summarize: str = ""


class Stages:
    """Carries out jobs."""

    def __init__(
        self,
        db: Database,
        blobs: BlobStore,
        provider: Provider,
        schedule: Schedule,
        queue: JobQueue,
        *,
        newer_names: bool,
    ) -> None:
        self._db = db
        self._blobs = blobs
        self._provider = provider
        self._schedule = schedule
        self._queue = queue
        self._transcript_name = partial(texts.transcript_name, newer=newer_names)

    async def carry_out(self, job: TranscriptJob) -> None:
        """Try *job*, which this process has, once; what can be tried again goes back into the queue."""
        final = False
        try:
            made = await (self._transcript(job) if job.kind == TRANSCRIPT else self._summary(job))
            await self._end(job, made)
            return
        except ProviderFailed as failure:
            final, cause = failure.final, str(failure)
        except BlobFailed as failure:
            cause = f"{type(failure).__name__}: {failure}"
        except Exception as failure:  # whatever it is, the queue must not stand still because of it
            log.exception("transcript_job_failed", kind=job.kind, file=job.node_id)
            cause = type(failure).__name__
        if not final and await self._queue.put_back(job.id):
            log.warning("transcript_delayed", kind=job.kind, file=job.node_id, cause=cause)
        else:
            await self._give_up(job, cause)

    async def _transcript(self, job: TranscriptJob) -> _Result | None:
        """Return the transcript, None when nobody is to get it any more."""
        async with self._db.read() as session:
            recording = await _recording(session, job)
            wanted = await self._schedule.wanted(session)
        if recording is None or recording.blob_id is None or wanted.nothing:
            return None
        async with self._blobs.read(recording.blob_id) as pieces:
            audio = Audio(recording.media_type, recording.size_bytes, pieces)
            text = texts.cleaned(await self._provider.transcribe(audio))
        if not text:
            log.info("transcript_empty", file=job.node_id)
        return _Result(
            notifications.TRANSCRIPT_STORED,
            self._transcript_name,
            texts.content(text, texts.TRANSCRIPT_REMARK) if wanted.transcript else None,
            text if wanted.summary else "",
        )

    async def _summary(self, job: TranscriptJob) -> _Result | None:
        """Return the summary, None when nobody is to get it any more."""
        async with self._db.read() as session:
            recording = await _recording(session, job)
            wanted = await self._schedule.wanted(session)
        if recording is None or not wanted.summary:
            return None
        text = texts.cleaned(await self._provider.summarize(job.text or ""))
        file = texts.content(text, texts.SUMMARY_REMARK)
        return _Result(notifications.SUMMARY_STORED, texts.summary_name, file)

    async def _end(self, job: TranscriptJob, made: _Result | None) -> None:
        content = await self._keep(made.file) if made and made.file is not None else None
        written = False
        async with self._queue.ending(job.id) as (tx, mine):
            recording = await _recording(tx, mine) if mine is not None else None
            if mine is not None and recording is not None and made is not None:
                await self._write(tx, mine, recording, made, content)
                written = True
            elif mine is not None:
                log.info("transcript_dropped", kind=job.kind, file=job.node_id)
            if mine is not None:
                await tx.delete(mine)
        # A commit that failed does not come here: its outcome may be unknown. What has no row is swept later.
        if content is not None and not written:
            await discard(self._blobs, [content.blob_id])

    async def _write(
        self, tx: WriteSession, job: TranscriptJob, recording: Node, made: _Result, content: Content | None
    ) -> None:
        if content is not None:
            node = await add_file(
                tx,
                owner_id=job.owner_id,
                folder=recording.parent,
                name=made.name(recording.name),
                content=content,
            )
            notifications.add(
                tx, user_id=job.owner_id, subject=made.subject, room_id=job.room_id, node_id=node.id
            )
            log.info("transcript_stored", kind=job.kind, file=node.id, size_bytes=content.size_bytes)
        if made.to_summarize:
            add_job(
                tx,
                kind=SUMMARY,
                room_id=job.room_id,
                owner_id=job.owner_id,
                node_id=job.node_id,
                text=made.to_summarize,
            )

    async def _give_up(self, job: TranscriptJob, cause: str) -> None:
        log.error("transcript_failed", kind=job.kind, file=job.node_id, cause=cause)
        async with self._queue.ending(job.id) as (tx, mine):
            if mine is None:
                return
            if await _recording(tx, mine) is not None:
                subject = _FAILED[mine.kind]
                notifications.add(
                    tx, user_id=mine.owner_id, subject=subject, room_id=mine.room_id, node_id=mine.node_id
                )
            await tx.delete(mine)

    async def _keep(self, file: bytes) -> Content:
        async with self._blobs.receive(expected_bytes=len(file)) as incoming:
            await incoming.write(file)
            return Content(await incoming.finish(), len(file), texts.MEDIA_TYPE)


async def _recording(session: AsyncSession, job: TranscriptJob) -> Node | None:
    """Return the recording while its owner is in the room; None when nobody is to get texts of it."""
    if await find_attendee(session, job.room_id, "users", job.owner_id) is None:
        return None
    return await session.get(Node, job.node_id)
