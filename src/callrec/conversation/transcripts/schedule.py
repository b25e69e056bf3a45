"""What is to be made of a recording that is being stored (docs/wire.md, Transcripts and summaries)."""

from dataclasses import dataclass

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from callrec.conversation.app_config import TALK, Configuration
from callrec.conversation.db.engine import WriteSession
from callrec.conversation.db.tables_transcripts import TRANSCRIPT
from callrec.conversation.transcripts.provider import Provider
from callrec.conversation.transcripts.queue import add_job

TRANSCRIPTION_KEY, SUMMARY_KEY = "call_recording_transcription", "call_recording_summary"

log = structlog.get_logger()


@dataclass(frozen=True)
class Wanted:
    """Which of the two texts the owner of a recording is to get."""

    transcript: bool
    summary: bool

    @property
    def nothing(self) -> bool:
        """Tell that no text is needed."""
        return not (self.transcript or self.summary)


class Schedule:
    """Decides what is wanted: what the app config says, as far as there is a provider."""

    def __init__(self, configuration: Configuration, provider: Provider) -> None:
        self._configuration = configuration
        self._provider = provider
        self._told: set[str] = set()

    async def wanted(self, session: AsyncSession) -> Wanted:
        """Return what is wanted now."""
        transcript = await self._configuration.get(session, TALK, TRANSCRIPTION_KEY) == "yes"
        summary = await self._configuration.get(session, TALK, SUMMARY_KEY) != "no"
        able = await self._provider.abilities(session)
        if (transcript or summary) and not able.transcribes:
            self._tell("transcripts_without_provider")
            return Wanted(transcript=False, summary=False)
        if summary and not able.summarizes:
            self._tell("summaries_without_provider")
            summary = False
        return Wanted(transcript, summary)

    async def recording_stored(self, tx: WriteSession, *, room_id: int, owner_id: str, node_id: int) -> None:
        """Have the texts made that are wanted of the recording *node_id*, as soon as *tx* is committed."""
        if not (await self.wanted(tx)).nothing:
            add_job(tx, kind=TRANSCRIPT, room_id=room_id, owner_id=owner_id, node_id=node_id)

    def _tell(self, event: str) -> None:
        """Log it once: an installation without provider is as good as any."""
        if event not in self._told:
            self._told.add(event)
            log.info(event)
