"""The recording's side of the conversation server: its parts put together, and what runs beside requests."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from callrec.conversation import shares
from callrec.conversation.core import Core
from callrec.conversation.db.tables_chat import ChatMessage
from callrec.conversation.db.tables_recordings import Node
from callrec.conversation.files_blobs import BlobStore
from callrec.conversation.ocs.authentication import Caller
from callrec.conversation.outbound.recording_server import RecordingServerClient
from callrec.conversation.outbound.stop_queue import StopQueue
from callrec.conversation.recording_changes import RecordingChanges
from callrec.conversation.recording_watch import StartWatch
from callrec.conversation.recordings import Recordings
from callrec.conversation.store import Store


@dataclass(frozen=True)
class RecordingSide:
    """What the routes of recordings, files and notifications use."""

    core: Core
    blobs: BlobStore
    recordings: Recordings
    store: Store
    _client: RecordingServerClient
    _stops: StopQueue
    _watch: StartWatch

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Sweep what a crash left, then run the stop queue and the watch over starts."""
        async with self.core.db.read() as session:
            known = frozenset(blob_id for blob_id in await session.scalars(select(Node.blob_id)) if blob_id)
        await asyncio.to_thread(self.blobs.sweep, known)
        try:
            async with self._stops:
                watch = asyncio.create_task(self._watch.run(), name="recording start watch")
                try:
                    yield
                finally:
                    watch.cancel()
                    await asyncio.gather(watch, return_exceptions=True)
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
    blobs = BlobStore(core.config.data / "files")
    changes = RecordingChanges(core.chat, core.signals)
    client = RecordingServerClient(core.config.public_url)
    stops = StopQueue(core.db, core.configuration, client, changes)
    timeout_s = core.config.settings.start_timeout_s
    watch = StartWatch(core.db, changes, stops, start_timeout_s=timeout_s)
    recordings = Recordings(
        db=core.db,
        configuration=core.configuration,
        signals=core.signals,
        changes=changes,
        client=client,
        stops=stops,
        watch=watch,
    )
    return RecordingSide(core, blobs, recordings, Store(core.db, blobs), client, stops, watch)
