"""Recordings that are parked at another recorder of the pool, which is gone."""

from typing import NamedTuple, Protocol

from callrec.recorder.folder.manifest import Manifest


class Elsewhere(NamedTuple):
    """One of them."""

    recording_id: str
    backend: str
    token: str
    """Room token."""
    file_name: str
    at: str
    """The recorder that has it."""
    manifest: Manifest | None
    """As its copy says; None: there is no copy, or it cannot be read."""


class ParkedElsewhere(Protocol):
    """Knows all of them."""

    def all(self) -> list[Elsewhere]:
        """Return them, newest first; at once."""
        ...

    async def fetch(self, recording_id: str) -> None:
        """Have it here, parked still, unless nobody knows it. Raises OperatorRefused."""
        ...

    async def delete(self, recording_id: str) -> bool:
        """Delete it for all recorders; False when nobody knows it. Raises OperatorRefused."""
        ...


class NowhereElse:
    """There are no other recorders."""

    def all(self) -> list[Elsewhere]:
        """Return none."""
        return []

    async def fetch(self, _recording_id: str) -> None:
        """Do nothing."""

    async def delete(self, _recording_id: str) -> bool:
        """Do nothing."""
        return False
