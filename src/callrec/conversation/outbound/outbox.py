"""The durable outbox: what the far sides are still to be told, in order per room and target.

A request is written in the transaction that makes the change. One task of one process, which holds the lease,
delivers what a room's target is to hear (its *lane*); a target that is away holds up nobody else's lane. A
request may arrive twice after a crash, never out of order.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field

import structlog
from sqlalchemy import delete, select
from sqlalchemy.exc import SQLAlchemyError

from callrec import clock
from callrec.conversation.db.base import utc_now
from callrec.conversation.db.engine import Database, WriteSession
from callrec.conversation.db.tables_outbox import OutboxEntry, OutboxLane
from callrec.conversation.outbound.courier import Courier, Outcome
from callrec.conversation.outbound.leases import Leases

FIRST_TRY_S = 1.5
"""How long the request that queued something waits for the first try."""
LOOK_ELSEWHERE_S = 0.05
"""How often it looks whether another process has delivered it."""
RETRY_FIRST_S = 1.0
BATCH = 50
TEND_S = 5.0
"""How often leases are renewed, and those of processes that died are taken over."""

log = structlog.get_logger()


@dataclass
class _Lane:
    """The delivery to one room's target by this process. ``waiting`` are set after the next try."""

    token: str
    target: str
    courier: Courier
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    waiting: list[asyncio.Event] = field(default_factory=list)
    failing: bool = False
    task: asyncio.Task[None] | None = None

    def take_waiting(self) -> list[asyncio.Event]:
        """Return those whose entries are written by now."""
        waiting, self.waiting = self.waiting, []
        return waiting


class Outbox:
    """Use as an async context manager: entering goes on with what an earlier process left undelivered."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._leases = Leases(db, secrets.token_hex(8))
        self._couriers: dict[str, Courier] = {}
        self._lanes: dict[tuple[str, str], _Lane] = {}
        self._tender: asyncio.Task[None] | None = None
        self._closed = False

    def use(self, courier: Courier, target: str = "") -> None:
        """Have *courier* deliver to *target*, or to all targets without one of their own."""
        self._couriers[target] = courier

    async def __aenter__(self) -> "Outbox":
        if self._db.exclusive:
            await self._leases.free_all()
        self._tender = asyncio.create_task(self._tend(), name="outbox leases")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closed = True  # what is queued from now on is for the next process
        tasks = [task for task in (self._tender, *(lane.task for lane in self._lanes.values())) if task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._lanes.clear()
        try:
            await self._leases.give_up_all()
        except (SQLAlchemyError, OSError):
            log.exception("outbox_leases_kept")  # they expire by themselves

    async def add(self, tx: WriteSession, token: str, target: str, body: str, *, wait: bool = True) -> None:
        """Queue *body* for a room's target in *tx*.

        After the commit the end of the transaction waits for the first try, up to 1.5 s, unless *wait* is
        False or the target is known to be away.
        """
        mine = await self._leases.claim(tx, token, target)
        entry = OutboxEntry(token=token, target=target, body=body)
        tx.add(entry)
        await tx.flush()
        entry_id = entry.id
        if mine:
            tx.after_commit(lambda: self._tell(token, target, wait=wait))
        elif wait:
            tx.after_commit(lambda: self._told_elsewhere(entry_id))

    async def abandon(self, token: str, target: str) -> None:
        """End this process's delivery to a room's target, one in flight included; what is queued stays."""
        lane = self._lanes.pop((token, target), None)
        if lane is None or lane.task is None:
            return
        lane.task.cancel()
        await asyncio.gather(lane.task, return_exceptions=True)
        _let_go(lane.take_waiting())
        async with self._db.write() as tx:
            if not await self._leases.release(tx, token, target):
                tx.after_commit(lambda: self._tell(token, target, wait=False))

    def _tell(self, token: str, target: str, *, wait: bool) -> Awaitable[None] | None:
        """Have what waits in a lane sent now."""
        if self._closed:
            return None
        lane = self._lanes.get((token, target))
        if lane is None:
            courier = self._couriers.get(target) or self._couriers[""]
            lane = self._lanes[token, target] = _Lane(token, target, courier)
            lane.task = asyncio.create_task(self._run(lane), name=f"outbox {token} {target}")
        lane.wake.set()
        if not wait or lane.failing:
            return None
        tried = asyncio.Event()
        lane.waiting.append(tried)
        # A transaction may wait for several entries: all of them by the same moment.
        return _until(tried, asyncio.get_running_loop().time() + FIRST_TRY_S)

    async def _told_elsewhere(self, entry_id: int) -> None:
        """Wait until the process that has the lane has delivered an entry."""
        try:
            async with asyncio.timeout(FIRST_TRY_S):
                while True:
                    async with self._db.read() as session:
                        if await session.get(OutboxEntry, entry_id) is None:
                            return
                    await asyncio.sleep(LOOK_ELSEWHERE_S)
        except TimeoutError:
            log.info("outbox_slow")

    async def _run(self, lane: _Lane) -> None:
        delay_s = RETRY_FIRST_S
        while True:
            lane.wake.clear()
            try:
                finished = await self._deliver(lane)
            except Exception:  # the root of the lane's task: what is queued stays, and is tried again
                log.exception("outbox_failed", room=lane.token, target=lane.target)
                finished = False
            if lane.failing and finished:
                log.info("outbox_recovered", room=lane.token, target=lane.target)
            lane.failing = not finished
            if lane.wake.is_set():  # something was queued meanwhile
                delay_s = RETRY_FIRST_S
            elif finished:
                self._lanes.pop((lane.token, lane.target), None)
                return
            elif not await clock.is_set_within(lane.wake, delay_s):
                delay_s = min(2 * delay_s, lane.courier.retry_max_s)

    async def _deliver(self, lane: _Lane) -> bool:
        """Deliver all that waits in a lane. False: try again; True: it is empty, or no longer ours."""
        while True:
            waiting = lane.take_waiting()
            try:
                entries, row = await self._queued(lane)
                if not self._leases.holds(row):
                    log.warning("outbox_lane_lost", room=lane.token, target=lane.target)
                    lane.failing = False  # whether the far side is back, the other one will see
                    return True
                stale = row is not None and row.stale
                if entries:
                    outcomes, away = await self._carry(lane, entries)
                    released = await self._settle(lane, entries, outcomes, stale=stale)
                    if released or away:
                        return released
                    continue
            finally:
                _let_go(waiting)
            if stale and not await lane.courier.catch_up(lane.token, lane.target):
                return False
            async with self._db.write() as tx:
                if await self._leases.release(tx, lane.token, lane.target):
                    return True

    async def _queued(self, lane: _Lane) -> tuple[Sequence[OutboxEntry], OutboxLane | None]:
        mine = (OutboxEntry.token == lane.token, OutboxEntry.target == lane.target)
        async with self._db.read() as session:
            query = select(OutboxEntry).where(*mine).order_by(OutboxEntry.id).limit(BATCH)
            entries = (await session.scalars(query)).all()
            row = await session.get(OutboxLane, (lane.token, lane.target))
        return entries, row

    async def _carry(self, lane: _Lane, entries: Sequence[OutboxEntry]) -> tuple[list[Outcome], bool]:
        """Send entries until the far side is away; of the rest the expired ones count as settled as well."""
        outcomes: list[Outcome] = []
        away = False
        for entry in entries:
            outcome = Outcome.AWAY if away else await lane.courier.carry(entry)
            if outcome is Outcome.AWAY:
                away = True
                if entry.queued_at > utc_now() - lane.courier.expires_after:
                    break
                outcome = Outcome.EXPIRED
            outcomes.append(outcome)
        return outcomes, away

    async def _settle(
        self, lane: _Lane, entries: Sequence[OutboxEntry], outcomes: Sequence[Outcome], *, stale: bool
    ) -> bool:
        """Remove what was settled; True when nothing is left to do, and the lane is released."""
        settled = list(zip(entries, outcomes, strict=False))
        if not settled:
            return False
        missed = False
        async with self._db.write() as tx:
            ids = [entry.id for entry, _ in settled]
            mine = delete(OutboxEntry).where(OutboxEntry.id.in_(ids)).returning(OutboxEntry.id)
            removed = set(await tx.scalars(mine))
            for entry, outcome in settled:
                if outcome is not Outcome.TAKEN and entry.id in removed:
                    missed |= await lane.courier.settle(tx, entry, outcome)
            if missed:
                await self._leases.mark_stale(tx, lane.token, lane.target)
            if missed or stale:
                return False
            return await self._leases.release(tx, lane.token, lane.target)

    async def _tend(self) -> None:
        """Renew our leases, and take over those of processes that are gone."""
        while True:
            try:
                if self._lanes:
                    await self._leases.renew()
                for token, target in await self._leases.take_over():
                    self._tell(token, target, wait=False)
            except Exception:  # the root of the task: the next round tries again
                log.exception("outbox_tending_failed")
            await asyncio.sleep(TEND_S)


async def queued(tx: WriteSession, token: str, target: str) -> bool:
    """Tell whether anything waits for a room's target."""
    waiting = select(OutboxEntry.id).where(OutboxEntry.token == token, OutboxEntry.target == target)
    return await tx.scalar(waiting.limit(1)) is not None


async def forget(tx: WriteSession, token: str, target: str) -> bool:
    """Drop what is queued for a room's target; False when nothing is."""
    queued = delete(OutboxEntry).where(OutboxEntry.token == token, OutboxEntry.target == target)
    return bool((await tx.scalars(queued.returning(OutboxEntry.id))).all())


def _let_go(waiting: Sequence[asyncio.Event]) -> None:
    for event in waiting:
        event.set()


async def _until(tried: asyncio.Event, deadline_s: float) -> None:
    try:
        async with asyncio.timeout_at(deadline_s):
            await tried.wait()
    except TimeoutError:
        log.info("outbox_slow")
