"""Who makes text of a recording: the seam to whatever program or service does it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncSession


class ProviderFailed(Exception):
    """There is no text. ``final``: the same again would have the same end, so the owner is to be told."""

    def __init__(self, cause: str, *, final: bool = False) -> None:
        super().__init__(cause)
        self.final = final


@dataclass(frozen=True)
class Audio:
    """A recording as it is kept, pictures included. ``pieces`` can be read once."""

    media_type: str
    size_bytes: int
    pieces: AsyncIterator[bytes]


@dataclass(frozen=True)
class Abilities:
    """What there is a provider for now."""

    transcribes: bool
    summarizes: bool


class Provider(Protocol):
    """Makes text of audio, and a summary of text."""

    async def abilities(self, session: AsyncSession) -> Abilities:
        """Say what can be asked for now."""
        ...

    async def transcribe(self, audio: Audio) -> str:
        """Return what is said in *audio*.

        Raises:
            ProviderFailed: it could not be made.
        """
        ...

    async def summarize(self, text: str) -> str:
        """Return a summary of *text*.

        Raises:
            ProviderFailed: it could not be made.
        """
        ...

    async def aclose(self) -> None:
        """Close what is open."""
        ...
