"""What the outbox asks of whoever carries its requests to one kind of far side."""

from datetime import timedelta
from enum import Enum
from typing import Protocol

from callrec.conversation.db.engine import WriteSession
from callrec.conversation.db.tables_outbox import OutboxEntry


class Outcome(Enum):
    """What became of a request."""

    TAKEN = "taken"
    """The far side has it, or will never take it: nothing is left to do."""
    UNKNOWN_THERE = "unknown_there"
    """The far side does not know what it is about."""
    AWAY = "away"
    """Not now: to be tried again."""
    EXPIRED = "expired"
    """It was away for so long that the request means nothing any more."""


class Courier(Protocol):
    """Carries requests to one kind of far side."""

    expires_after: timedelta
    """A request that could not be delivered for so long has expired."""
    retry_max_s: float
    """The longest wait between two tries; the first is 1 s, and they double."""

    async def carry(self, entry: OutboxEntry) -> Outcome:
        """Try once, within a bounded time."""
        ...

    async def settle(self, tx: WriteSession, entry: OutboxEntry, outcome: Outcome) -> bool:
        """Do what follows from an outcome other than ``TAKEN``, in the transaction that removes *entry*.

        True: the far side has missed something and must be told the room's whole state.
        """
        ...

    async def catch_up(self, token: str, target: str) -> bool:
        """Tell the far side the room's whole state, after requests have expired. False: it is still away."""
        ...
