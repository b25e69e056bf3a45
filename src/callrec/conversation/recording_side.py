"""The recording's side of the conversation server: its parts put together, and what runs beside requests."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from callrec.conversation import shares
from callrec.conversation.blobs.configured import configured_blobs
from callrec.conversation.blobs.store import BlobStore
from callrec.conversation.blobs.sweep import sweep
from callrec.conversation.core import Core
from callrec.conversation.db.notices import RECORDING
from callrec.conversation.db.tables_chat import ChatMessage
from callrec.conversation.homes import Homes
from callrec.conversation.ocs.authentication import Caller
from callrec.conversation.outbound.recording_server import RecordingServerClient
from callrec.conversation.outbound.stop_queue import StopQueue
from callrec.conversation.recording_changes import RecordingChanges
from callrec.conversation.recording_watch import RecordingWatch
from callrec.conversation.recordings import Recordings
from callrec.conversation.store import Store
from callrec.conversation.store_chunked import ChunkedStore
from callrec.conversation.transcripts import parts as transcript_parts
from callrec.conversation.transcripts.parts import Transcripts
from callrec.conversation.upload_links import UploadLinks
from callrec.conversation.uploads import Uploads
from callrec.conversation.uploads_expiry import run_uploads_expiry

INSTALLATION = "installation"
"""Names this database, so that its files are not taken for those of another one."""


@dataclass(frozen=True)
class RecordingSide:
    """What the routes of recordings, files and notifications use."""

    core: Core
    blobs: BlobStore
    recordings: Recordings
    store: Store
    chunked_store: ChunkedStore
    homes: Homes
    uploads: Uploads
    links: UploadLinks
    transcripts: Transcripts
    _client: RecordingServerClient
    _watch: RecordingWatch

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Sweep what a crash left, then run the recording watch, the expiry of uploads, and transcripts."""
        async with self.core.db.write() as tx:
            owner = await self.core.configuration.get_or_create(tx, INSTALLATION, secrets.token_hex(16))
        await self.blobs.claim(owner)
        await sweep(self.core.db, self.blobs)
        try:
            tasks = (
                asyncio.create_task(self._watch.run(), name="recording watch"),
                asyncio.create_task(run_uploads_expiry(self.uploads, self.links), name="uploads expiry"),
            )
            try:
                async with self.transcripts.running():
                    yield
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
        finally:
            await self._client.aclose()

    async def file_parameters(
        self, session: AsyncSession, messages: Sequence[ChatMessage], viewer: Caller
    ) -> Mapping[int, Mapping[str, str]]:
        """Return message id → ``{file}`` parameter for *viewer*; files that are gone are left out."""
        share_of = {message.id: message.parameters.get("shareId") for message in messages}
        found = await shares.file_parameters(
            session,
            [share_id for share_id in share_of.values() if isinstance(share_id, int)],
            viewer=viewer.user_id,
            public_url=self.core.config.public_url,
        )
        return {
            message_id: found[share_id]
            for message_id, share_id in share_of.items()
            if isinstance(share_id, int) and share_id in found
        }


def build(core: Core) -> RecordingSide:
    """Put the recording's side together; nothing runs yet."""
    blobs = configured_blobs(core.config.data, core.config.settings)
    transcripts = transcript_parts.build(core, blobs)
    changes = RecordingChanges(core.chat, core.signals)
    client = RecordingServerClient(core.config.public_url)
    settings = core.config.settings
    stop_timeout_s = settings.stop_timeout_s
    stops = StopQueue(core.db, core.configuration, client, changes, core.outbox, timeout_s=stop_timeout_s)
    watch = RecordingWatch(
        core.db, changes, stops, start_timeout_s=settings.start_timeout_s, stop_timeout_s=stop_timeout_s
    )
    core.db.notices.subscribe(RECORDING, watch.hear)
    recordings = Recordings(
        db=core.db,
        configuration=core.configuration,
        signals=core.signals,
        changes=changes,
        client=client,
        stops=stops,
    )
    return RecordingSide(
        core=core,
        blobs=blobs,
        recordings=recordings,
        store=Store(core.db, blobs, transcripts.schedule),
        chunked_store=ChunkedStore(core.db, blobs, transcripts.schedule),
        homes=Homes(core.db, blobs, welcome=settings.welcome_file),
        uploads=Uploads(core.db, blobs, max_bytes=settings.max_upload_bytes),
        links=UploadLinks(core.db, blobs),
        transcripts=transcripts,
        _client=client,
        _watch=watch,
    )
