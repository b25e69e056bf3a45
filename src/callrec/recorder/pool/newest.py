"""The newest recording of each room over all recorders: only that one may report about the room."""

from callrec.recorder.folder.manifest import RoomKey
from callrec.recorder.pool.ledger import Ledger


class Newest:
    """What the ledger said when it was asked last."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._known: dict[RoomKey, str] = {}

    async def refresh(self) -> None:
        """Ask the ledger. Raises LedgerAway."""
        self._known = await self._ledger.newest()

    def get(self, room: RoomKey) -> str | None:
        """Return the newest recording of a room, as far as it was heard."""
        return self._known.get(room)
