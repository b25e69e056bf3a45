"""One recorder in a pool: joins it, does what the pool asks of it, and leaves in order."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import structlog

from callrec import clock
from callrec.errors import LedgerAway, PoolAway
from callrec.recorder.folder.manifest import RoomKey
from callrec.recorder.lifecycle.alarms import Alarms
from callrec.recorder.lifecycle.announcements import Announcements
from callrec.recorder.lifecycle.captures import Captures
from callrec.recorder.lifecycle.orders import Orders
from callrec.recorder.lifecycle.recordings import Recordings
from callrec.recorder.lifecycle.stages import Stages
from callrec.recorder.lifecycle.states import ELSEWHERE, LIVE, REMOVED, Change
from callrec.recorder.pool.agreement import Agreement
from callrec.recorder.pool.beginning import Beginning
from callrec.recorder.pool.copies import Copies
from callrec.recorder.pool.decisions import gone_as
from callrec.recorder.pool.following import Following
from callrec.recorder.pool.keeping import Keeping
from callrec.recorder.pool.last_words import LastWords, Send
from callrec.recorder.pool.lease import Lease
from callrec.recorder.pool.ledger import Ledger
from callrec.recorder.pool.mirror import Mirror
from callrec.recorder.pool.newest import Newest
from callrec.recorder.pool.parked import Parked
from callrec.recorder.pool.pick import Member
from callrec.recorder.pool.standing import Condition
from callrec.recorder.pool.takeover import TakeOver
from callrec.recorder.pool.taking_up import TakingUp
from callrec.recorder.pool.tasks import Tasks
from callrec.settings import BackendSettings
from callrec.wire.recording import Stop

BEAT_EVERY_S = 1.5
LOOK_EVERY_S = 1.0
COPY_EVERY_S = 1.0
PARKED_EVERY_S = 2.0
TAKE_EVERY_S = 0.25

log = structlog.get_logger()


class PoolMember:
    """Keeps ledger, storage and this recorder's folders in agreement while it runs."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        mirror: Mirror,
        recordings: Recordings,
        captures: Captures,
        announcements: Announcements,
        orders: Orders,
        stages: Stages,
        alarms: Alarms,
        send: Send,
        on_failed: Callable[[str, str], None],
        measure: Callable[[], Member],
        backend_of: Callable[[str], BackendSettings | None],
    ) -> None:
        """*measure* tells how this recorder stands, *backend_of* the settings of a backend by its URL.

        *on_failed* counts a recording that no recorder could begin: backend, cause.
        """
        self.ledger = ledger
        self.condition = Condition(measure)
        self._recordings = recordings
        self._orders = orders
        self._stages = stages
        self._newest = Newest(ledger)
        self._copies = Copies(mirror, recordings)
        self._news = asyncio.Event()
        self._away: set[str] = set()
        """What was said to be away, once each until it is joined anew."""
        self._is_joined = False
        self._lease = Lease(ledger.dead_after_s)
        self._loop = asyncio.get_running_loop()
        self._tasks, self._telling = Tasks(self._on_away), Tasks(self._on_away)
        self._keeping = Keeping(ledger, self._newest, self._copies, recordings, self.condition)
        following = Following(orders, announcements, stages, self._newest, self._telling)
        self._taking_up = TakingUp(
            ledger=ledger,
            copies=self._copies,
            beginning=Beginning(ledger, self._copies, recordings, orders, backend_of),
            following=following,
            last_words=LastWords(ledger, self._newest, send, on_failed),
            condition=self.condition,
            tasks=self._tasks,
        )
        self._take_over = TakeOver(ledger, self._copies, recordings, self._taking_up, self.condition)
        self.parked = Parked(ledger, self._copies, recordings, self._taking_up, self._tasks)
        self._agreement = Agreement(
            ledger=ledger,
            newest=self._newest,
            copies=self._copies,
            recordings=recordings,
            captures=captures,
            stages=stages,
            alarms=alarms,
            following=following,
            taking_up=self._taking_up,
            tasks=self._tasks,
        )
        self.keeps = self._keeping.keeps
        self.hold = self._lease.hold
        self.removing = self._keeping.removing
        self.removing_unread = self._keeping.removing_unread
        recordings.listeners.append(self._hear)

    def look(self) -> None:
        """There is something new in the ledger."""
        self._news.set()

    def stop_here(self, backend_url: str, token: str, request: Stop) -> None:
        """Stop what this recorder captures of a room: the ledger is away, and nobody is recorded on for that.

        Raises OSError: it could not be written, and is carried out all the same.
        """
        manifest = self._recordings.latest(backend_url, token)
        if manifest is not None and manifest.state in LIVE and manifest.stop_requested_at is None:
            log.warning("pool_stopped_here", recording=manifest.recording_id)
            self._orders.stop(manifest, request)

    def newest(self, room: RoomKey) -> str | None:
        """Return the newest recording of a room over all recorders, as far as it was heard."""
        return self._newest.get(room)

    def waiting(self) -> Counter[str]:
        """Return how many recordings cannot go on now, by reason."""
        parked = Counter[str]({"parked": self.parked.waiting()})
        return self._taking_up.waiting() + self._take_over.waiting() + parked

    @asynccontextmanager
    async def membership(self) -> AsyncIterator[None]:
        """Belong to the pool: alive to the others from before anything goes on here until all is handed over.

        Waits for the ledger.
        """
        await self._join()
        beating = asyncio.create_task(self._repeat(self._beat, BEAT_EVERY_S), name="pool beats")
        try:
            yield
        finally:
            await self._hand_all_over()
            beating.cancel()
            await asyncio.gather(beating, return_exceptions=True)
            try:
                await self.ledger.leave()
            except PoolAway as error:
                log.warning("pool_away", error=str(error))
            await self.ledger.close()

    async def run(self, go_on: Callable[[str], Awaitable[None]]) -> None:
        """Take part in the pool until cancelled. *go_on* begins the workflow of a recording."""
        self._taking_up.go_on = go_on
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self.ledger.listen(self._news.set))
                group.create_task(self._repeat(self._agreement.look, LOOK_EVERY_S, self._news))
                group.create_task(self._repeat(self._take_over.look, TAKE_EVERY_S))
                group.create_task(self._repeat(self._copies.copy_all, COPY_EVERY_S))
                group.create_task(self._repeat(self.parked.look, PARKED_EVERY_S))
        finally:
            await self._tasks.close()
            await self._telling.close()

    async def _join(self) -> None:
        """Before anything goes on here: let go of what others have meanwhile, and of what was deleted."""
        while True:
            try:
                await self.ledger.prepare()
                await self._say_alive()
                for manifest in self._recordings.all():
                    entry = await self.ledger.entry(manifest.recording_id)
                    why = gone_as(entry, self.ledger.recorder_id)
                    if why == ELSEWHERE and entry is not None:
                        log.warning("pool_taken_over", recording=manifest.recording_id, by=entry.recorder_id)
                    if why is not None:
                        await self._stages.remove(manifest.recording_id, why)
            except PoolAway as error:
                log.warning("pool_away", error=str(error))
                await asyncio.sleep(LOOK_EVERY_S)
            else:
                return

    async def _hand_all_over(self) -> None:
        """Copy what others are to go on with: captures have ended in order. What fails they take as it is."""
        try:
            self._copies.own(await self.ledger.mine())
            await self._copies.copy_all(captures_ended=True)
        except PoolAway as error:
            log.warning("pool_away", error=str(error))

    async def _say_alive(self) -> None:
        said_ns = clock.since_boot_ns()
        await self.ledger.beat(self.condition())
        self._lease.renew(said_ns)

    async def _beat(self) -> None:
        try:
            await self._say_alive()
        except LedgerAway:
            self._is_joined = False
            raise
        if not self._is_joined:
            self._is_joined = True
            self._away.clear()
            log.info("pool_joined", recorder=self.ledger.recorder_id)

    def _hear(self, change: Change) -> None:
        # May be called in another thread.
        self._loop.call_soon_threadsafe(self._note, change)

    def _note(self, change: Change) -> None:
        if change.state == REMOVED:
            self._agreement.removed.add(change.manifest.recording_id)
        self._news.set()

    def _on_away(self, error: PoolAway) -> None:
        if str(error) not in self._away:
            log.warning("pool_away", error=str(error))
        self._away.add(str(error))

    async def _repeat(
        self, work: Callable[[], Awaitable[object]], every_s: float, news: asyncio.Event | None = None
    ) -> None:
        while True:
            try:
                if news is not None:
                    news.clear()
                await work()
            except PoolAway as error:
                self._on_away(error)
            except Exception:  # the root of a task: whatever it was, the next time may be better
                log.exception("pool_failed")
            if news is None:
                await asyncio.sleep(every_s)
                continue
            await clock.is_set_within(news, every_s)
