"""Leases of outbox lanes: which process delivers what a room's target is to hear.

Times are those of the processes' own clocks, which must agree within a few seconds.
"""

from datetime import datetime, timedelta

from sqlalchemy import delete, select, update

from callrec.conversation.db.base import utc_now
from callrec.conversation.db.engine import Database, WriteSession
from callrec.conversation.db.tables_outbox import OutboxEntry, OutboxLane

LEASE = timedelta(seconds=15)
"""A process that has not renewed its leases for so long is dead, and another one goes on."""

_LONG_AGO = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


class Leases:
    """The leases of one process, which is known by the random word *holder*."""

    def __init__(self, db: Database, holder: str) -> None:
        self._db = db
        self._holder = holder

    async def claim(self, tx: WriteSession, token: str, target: str) -> bool:
        """Take or keep a lane; False when another process has it."""
        lane = await tx.get(OutboxLane, (token, target))
        if lane is None:
            lane = OutboxLane(token=token, target=target, stale=False)
            tx.add(lane)
        elif lane.holder != self._holder and lane.leased_until >= utc_now():
            return False
        lane.holder, lane.leased_until = self._holder, utc_now() + LEASE
        await tx.flush()
        return True

    def holds(self, lane: OutboxLane | None) -> bool:
        """Tell whether a lane as it was read is still ours: after a long stop another process may have it."""
        return lane is not None and lane.holder == self._holder

    async def release(self, tx: WriteSession, token: str, target: str) -> bool:
        """Remove a lane with nothing left to deliver; False when there is something: then it stays ours."""
        waiting = select(OutboxEntry.id).where(OutboxEntry.token == token, OutboxEntry.target == target)
        if await tx.scalar(waiting.limit(1)) is not None:
            return False
        lane = (OutboxLane.token == token, OutboxLane.target == target, OutboxLane.holder == self._holder)
        await tx.execute(delete(OutboxLane).where(*lane))
        return True

    async def mark_stale(self, tx: WriteSession, token: str, target: str) -> None:
        """Note that the far side has missed something about the room."""
        lane = (OutboxLane.token == token, OutboxLane.target == target)
        await tx.execute(update(OutboxLane).where(*lane).values(stale=True))

    async def renew(self) -> None:
        """Keep all lanes that are held."""
        async with self._db.write() as tx:
            mine = update(OutboxLane).where(OutboxLane.holder == self._holder)
            await tx.execute(mine.values(leased_until=utc_now() + LEASE))

    async def free_all(self) -> None:
        """Void all leases, where no other process can hold any: what died just now left them."""
        async with self._db.write() as tx:
            await tx.execute(update(OutboxLane).values(leased_until=_LONG_AGO))

    async def take_over(self) -> list[tuple[str, str]]:
        """Claim the lanes whose process is gone; returns their rooms and targets."""
        expired = select(OutboxLane.token, OutboxLane.target).where(OutboxLane.leased_until < utc_now())
        async with self._db.read() as session:
            orphans = (await session.execute(expired)).all()
        claimed = []
        for token, target in orphans:
            async with self._db.write() as tx:
                if await self.claim(tx, token, target):
                    claimed.append((token, target))
        return claimed

    async def give_up_all(self) -> None:
        """Let others have all lanes that are held: this process ends."""
        async with self._db.write() as tx:
            mine = update(OutboxLane).where(OutboxLane.holder == self._holder)
            await tx.execute(mine.values(leased_until=_LONG_AGO))
