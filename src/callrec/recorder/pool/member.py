"""One recorder in a pool: takes up what the ledger gives it, lets go of what others have, and takes over."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import structlog

from callrec import clock
from callrec.errors import LedgerAway, MirrorAway, PoolAway
from callrec.recorder.folder.manifest import Manifest, State
from callrec.recorder.folder.paths import is_file_name
from callrec.recorder.lifecycle.announcements import Announcements
from callrec.recorder.lifecycle.captures import Captures
from callrec.recorder.lifecycle.causes import COPY_LOST, TAKEN_OVER
from callrec.recorder.lifecycle.orders import Orders
from callrec.recorder.lifecycle.recordings import Recordings
from callrec.recorder.lifecycle.states import (
    AT_REST,
    ELSEWHERE,
    GONE,
    KEPT,
    LIVE,
    REMOVED,
    UNDELIVERED,
    Change,
)
from callrec.recorder.lifecycle.workflow import Lifecycle
from callrec.recorder.pool.entries import Entry, entry_of
from callrec.recorder.pool.ledger import Ledger
from callrec.recorder.pool.mirror import Mirror
from callrec.recorder.pool.pick import Member, composes_instead
from callrec.settings import BackendSettings
from callrec.wire.recording import decode_start, decode_stop

BEAT_EVERY_S = 1.5
DEAD_AFTER_S = 6.0
"""A recorder that was silent for so long is gone: others go on with what it had."""
LOOK_EVERY_S = 1.0
COPY_EVERY_S = 1.0
WORTH_TAKING: frozenset[State] = LIVE | (UNDELIVERED - {"parked"}) | {"delivered"}

RoomKey = tuple[str, str]

log = structlog.get_logger()


class PoolMember:
    """Keeps ledger, mirror and this recorder's folders in agreement while it runs."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        mirror: Mirror,
        recordings: Recordings,
        captures: Captures,
        announcements: Announcements,
        orders: Orders,
        measure: Callable[[], Member],
        backend_of: Callable[[str], BackendSettings | None],
    ) -> None:
        """*measure* tells how this recorder stands, *backend_of* the settings of a backend by its URL."""
        self._backend_of = backend_of
        self.ledger = ledger
        self.measure = measure
        self._mirror = mirror
        self._recordings = recordings
        self._captures = captures
        self._announcements = announcements
        self._orders = orders
        self._lifecycle: Lifecycle | None = None
        self._news = asyncio.Event()
        self._states: dict[str, State] = {}
        """What is not in the ledger yet."""
        self._removed: set[str] = set()
        """Removed here, and perhaps still in the ledger."""
        self._repeated: dict[str, int] = {}
        self._newest: dict[RoomKey, str] = {}
        self._beating_since_s: float | None = None
        """Since when the ledger is there: before others may not have been able to beat either."""
        self._away: set[str] = set()
        """What was said to be away, once each until the ledger is joined anew."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()
        recordings.listeners.append(self._hear)

    def look(self) -> None:
        """There is something new in the ledger."""
        self._news.set()

    def newest(self, room: RoomKey) -> str | None:
        """Return the newest recording of a room over all recorders, as far as it was heard."""
        return self._newest.get(room)

    async def run(self, lifecycle: Lifecycle) -> None:
        """Take part in the pool until cancelled."""
        self._lifecycle = lifecycle
        async with asyncio.TaskGroup() as group:
            group.create_task(self.ledger.listen(self._news.set))
            group.create_task(self._repeat(self._beat, BEAT_EVERY_S))
            group.create_task(self._repeat(self._look, LOOK_EVERY_S, self._news))
            group.create_task(self._repeat(self._copy, COPY_EVERY_S))

    async def join(self) -> None:
        """Before anything goes on here: let go of what others have meanwhile. Waits for the ledger."""
        while True:
            try:
                await self.ledger.prepare()
                for manifest in self._recordings.all():
                    owner = await self.ledger.owner(manifest.recording_id)
                    if owner not in (None, self.ledger.recorder_id):
                        log.warning("pool_taken_over", recording=manifest.recording_id, by=owner)
                        await asyncio.to_thread(self._recordings.remove, manifest.recording_id, ELSEWHERE)
                await self.ledger.beat(self.measure())
            except PoolAway as error:
                log.warning("pool_away", error=str(error))
                await asyncio.sleep(LOOK_EVERY_S)
            else:
                return

    async def leave(self) -> None:
        """Give everything to the others: captures have ended in order. What fails they take later."""
        try:
            for manifest in self._recordings.all():
                if manifest.state in WORTH_TAKING:
                    paths = self._recordings.paths(manifest.recording_id)
                    await self._mirror.copy(manifest.recording_id, paths, closed=True)
            await self.ledger.leave()
        except PoolAway as error:
            log.warning("pool_away", error=str(error))

    async def keeps(self, manifest: Manifest) -> bool:
        """Tell whether this recorder does the next work of a recording; False: another one has it.

        Raises:
            PoolAway: nobody can tell now, so nothing may be reported or uploaded.
        """
        recording_id = manifest.recording_id
        owner = await self.ledger.owner(recording_id)
        if owner not in (None, self.ledger.recorder_id):
            return False
        if manifest.state in ("reporting", "delivered"):  # a report must not hit a start that was just placed
            self._newest = await self.ledger.newest()
        if manifest.state != "finishing":
            return True
        other = composes_instead(self.measure(), await self.ledger.members(DEAD_AFTER_S))
        if other is None:
            return True
        await self._mirror.copy(recording_id, self._recordings.paths(recording_id), closed=True)
        await self.ledger.note_state(recording_id, manifest.state)
        if not await self.ledger.hand_over(recording_id, other.recorder_id):
            return False
        self._mirror.forget(recording_id)
        self._recordings.copied.add(recording_id)
        log.info("pool_handed_over", recording=recording_id, to=other.recorder_id)
        return False

    async def begin(self, entry: Entry) -> None:
        """Go on with *entry* here: from its copy, or from the beginning. Raises PoolAway, OSError."""
        assert self._lifecycle is not None, "the pool runs"
        recording_id = entry.recording_id
        if not is_file_name(recording_id) or not is_file_name(entry.file_name):
            raise ValueError("the ledger holds a name that leads out of the recordings")
        home = self._recordings.home(entry.backend)
        if await self._mirror.restore(recording_id, home / recording_id):
            self._recordings.adopt(home, recording_id)
        elif entry.state == "delivered":  # nothing is owed any more
            await self.ledger.end(recording_id)
            return
        else:
            await self._begin_anew(entry)
        self._repeated[recording_id] = entry.repeats
        self._stop_if_asked(entry)
        await self._lifecycle.begin(recording_id)

    async def _begin_anew(self, entry: Entry) -> None:
        backend = self._backend_of(entry.backend)
        if backend is None:
            log.error("pool_no_such_backend", recording=entry.recording_id, backend=entry.backend)
            raise LookupError(entry.backend)
        named = entry.recording_id, entry.file_name
        await self._orders.create(backend, entry.token, decode_start(entry.request), named)
        if entry.state not in LIVE:
            # What was captured is nowhere. It is over, and must not begin again: nobody would know of it.
            log.error("pool_copy_lost", recording=entry.recording_id, state=entry.state)
            self._recordings.update(
                entry.recording_id,
                state="reporting",
                started_ms=0,
                stop_ms=0,
                closed_at=clock.wall_s(),
                outcome="failed",
                cause=COPY_LOST,
            )
            return
        if entry.state != "accepted":
            # Who had it is gone before anything was copied. The room may show that it is recorded.
            self._recordings.update(entry.recording_id, state="joining", started_ms=0)
        if entry.state == "capturing":
            self._recordings.update(entry.recording_id, state="capturing", acknowledged_at=clock.wall_s())

    def _stop_if_asked(self, entry: Entry) -> None:
        manifest = self._recordings.get(entry.recording_id)
        if entry.stop is None or manifest is None:
            return
        if manifest.state in LIVE and manifest.stop_requested_at is None:
            self._orders.stop(manifest, decode_stop(entry.stop))

    def _hear(self, change: Change) -> None:
        # May be called in another thread.
        self._loop.call_soon_threadsafe(self._note, change)

    def _note(self, change: Change) -> None:
        recording_id = change.manifest.recording_id
        if change.state in GONE:
            self._states.pop(recording_id, None)
            if change.state == REMOVED:
                self._removed.add(recording_id)
        else:
            self._states[recording_id] = change.manifest.state
        self._news.set()

    async def _repeat(
        self, work: Callable[[], Awaitable[None]], every_s: float, news: asyncio.Event | None = None
    ) -> None:
        while True:
            try:
                if news is not None:
                    news.clear()
                await work()
            except PoolAway as error:
                if str(error) not in self._away:
                    log.warning("pool_away", error=str(error))
                self._away.add(str(error))
                if isinstance(error, LedgerAway):
                    self._beating_since_s = None
            except Exception:  # the root of a task: whatever it was, the next time may be better
                log.exception("pool_failed")
            if news is None:
                await asyncio.sleep(every_s)
            else:
                try:
                    await asyncio.wait_for(news.wait(), every_s)
                except TimeoutError:
                    continue

    async def _beat(self) -> None:
        await self.ledger.beat(self.measure())
        if self._beating_since_s is None:
            self._beating_since_s = clock.monotonic_ns() / 1e9
            self._away.clear()
            log.info("pool_joined", recorder=self.ledger.recorder_id)

    async def _look(self) -> None:
        """Bring ledger and folders into agreement."""
        away: list[PoolAway] = []
        await self._tell_states(away)
        self._newest = await self.ledger.newest()
        removed = set(self._removed)
        mine = {entry.recording_id: entry for entry in await self.ledger.mine()}
        here = {id_ for id_ in mine if self._recordings.get(id_) is not None}
        for entry in mine.values():  # first: a stop waits for no copy
            if entry.recording_id in here:
                await self._alone(self._follow(entry), away)
        for entry in mine.values():
            if entry.recording_id not in here:
                await self._alone(self._take_up(entry), away)
        for manifest in self._recordings.all():
            if manifest.recording_id not in mine:
                await self._alone(self._look_for(manifest), away)
        if away:
            raise away[0]
        self._removed -= removed
        await self._take_over()

    async def _alone(self, work: Coroutine[Any, Any, None], away: list[PoolAway]) -> bool:
        """Do what concerns one recording; where it fails, the others go on. Raises LedgerAway."""
        try:
            await work
        except LedgerAway:
            raise
        except MirrorAway as error:
            away.append(error)
        except Exception:  # whatever it was with this one, it is looked at again
            log.exception("pool_failed")
        else:
            return True
        return False

    async def _take_up(self, entry: Entry) -> None:
        """Go on with a recording of this recorder that does not lie here, or note that it is no more."""
        if entry.recording_id in self._removed or entry.state in KEPT | {"discarded", "delivered"}:
            await self._mirror.delete(entry.recording_id)
            await self.ledger.end(entry.recording_id)
        else:
            await self.begin(entry)

    async def _tell_states(self, away: list[PoolAway]) -> None:
        for recording_id, state in list(self._states.items()):
            await self.ledger.note_state(recording_id, state)
            # What is kept is kept here.
            if state in KEPT and not await self._alone(self._mirror.delete(recording_id), away):
                continue
            if self._states.get(recording_id) == state:
                del self._states[recording_id]

    async def _follow(self, entry: Entry) -> None:
        self._stop_if_asked(entry)
        if entry.repeats > self._repeated.setdefault(entry.recording_id, 0):
            self._repeated[entry.recording_id] = entry.repeats
            self._spawn(self._announcements.repeat(entry.recording_id))

    async def _look_for(self, manifest: Manifest) -> None:
        """Somebody else may have a recording that lies here; if nobody has, it is this recorder's."""
        owner = await self.ledger.owner(manifest.recording_id)
        if owner is None:
            async with self.ledger.room(manifest.backend, manifest.token) as room:
                await room.add(entry_of(manifest, self.ledger.recorder_id))
        elif owner != self.ledger.recorder_id and manifest.state in LIVE:
            # Its end leads to a step of its life, which lets go of it.
            if not self._captures.is_ending(manifest.recording_id):
                log.warning("pool_taken_over", recording=manifest.recording_id, by=owner)
                self._captures.stop(manifest.recording_id, TAKEN_OVER)
        elif owner != self.ledger.recorder_id and manifest.state in AT_REST:
            await asyncio.to_thread(self._recordings.remove, manifest.recording_id, ELSEWHERE)

    async def _take_over(self) -> None:
        since_s = self._beating_since_s
        if since_s is None or clock.monotonic_ns() / 1e9 - since_s < DEAD_AFTER_S:
            return
        states = WORTH_TAKING if self.measure().refusal is None else WORTH_TAKING - LIVE
        entry = await self.ledger.take_over(DEAD_AFTER_S, states)
        if entry is not None:
            log.warning("pool_takes_over", recording=entry.recording_id, state=entry.state)
            await self.begin(entry)
            self._news.set()  # there may be more

    async def _copy(self) -> None:
        for manifest in self._recordings.all():
            if manifest.state in WORTH_TAKING or manifest.state == "parked":
                paths = self._recordings.paths(manifest.recording_id)
                closed = manifest.closed_at is not None
                await self._mirror.copy(manifest.recording_id, paths, closed=closed)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
