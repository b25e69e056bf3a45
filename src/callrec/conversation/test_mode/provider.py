"""Makes texts without any model, and fails when the app config of ``testing`` says so."""

from sqlalchemy.ext.asyncio import AsyncSession

from callrec.conversation.app_config import Configuration
from callrec.conversation.db.engine import Database
from callrec.conversation.test_mode.testing_app import TESTING, is_enabled
from callrec.conversation.transcripts.provider import Abilities, Audio, ProviderFailed

FAIL_AUDIO, FAIL_SUMMARY = "fail-testing-audio2text", "fail-testing-text2text-summary"


class FakeProvider:
    """A ``Provider``: the app ``testing``."""

    def __init__(self, db: Database, configuration: Configuration) -> None:
        self._db = db
        self._configuration = configuration

    async def abilities(self, session: AsyncSession) -> Abilities:
        """Everything, while the app is enabled."""
        enabled = await is_enabled(self._configuration, session)
        return Abilities(transcribes=enabled, summarizes=enabled)

    async def transcribe(self, audio: Audio) -> str:
        """Read the recording, and tell how long it is."""
        await self._fail_if_told(FAIL_AUDIO)
        size_bytes = sum([len(piece) async for piece in audio.pieces])
        return f"A recording of {size_bytes} bytes."

    async def summarize(self, text: str) -> str:
        """Return the first words."""
        await self._fail_if_told(FAIL_SUMMARY)
        return f"In short: {text[:40]}"

    async def aclose(self) -> None:
        """Nothing is open."""

    async def _fail_if_told(self, key: str) -> None:
        async with self._db.read() as session:
            if await self._configuration.get(session, TESTING, key) == "yes":
                raise ProviderFailed(f"the app config {TESTING}/{key} says so", final=True)
