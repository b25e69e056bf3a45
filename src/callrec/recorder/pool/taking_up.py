"""Takes up what the ledger gives this recorder; what it cannot begin it gives to another, or gives up."""

from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal

import structlog

from callrec import clock
from callrec.errors import BackendAway, LedgerAway, MirrorAway
from callrec.recorder.lifecycle.causes import NO_SUCH_BACKEND
from callrec.recorder.pool.beginning import Beginning
from callrec.recorder.pool.copies import Copies
from callrec.recorder.pool.decisions import can_have_begun, ends_unbegun, wait_s
from callrec.recorder.pool.entries import Entry
from callrec.recorder.pool.following import Following
from callrec.recorder.pool.last_words import LastWords
from callrec.recorder.pool.ledger import Ledger
from callrec.recorder.pool.pick import least_loaded
from callrec.recorder.pool.standing import DISK_FAILED, Condition
from callrec.recorder.pool.tasks import Tasks

Reason = Literal[
    "disk_failed", "no_such_backend", "storage_away", "copy_missing", "no_room", "parked", "fault"
]
"""Why a recording waits."""

log = structlog.get_logger()


@dataclass
class _Trouble:
    """What could not be begun. Remembered while others have it: it must not go round in circles."""

    since_s: float
    reason: Reason
    due_s: float = 0.0
    """When to try again, of the monotonic clock."""
    attempts: int = 0
    stops: int = 0
    """So many stops had come then."""
    refusal: str | None = None
    """Why no recorder has room for it."""
    given_to: set[str] = field(default_factory=set)


class TakingUp:
    """One task per recording, so that a large copy holds nothing else up."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        copies: Copies,
        beginning: Beginning,
        following: Following,
        last_words: LastWords,
        condition: Condition,
        tasks: Tasks,
    ) -> None:
        self._ledger = ledger
        self._copies = copies
        self._beginning = beginning
        self._following = following
        self._last_words = last_words
        self._condition = condition
        self._tasks = tasks
        self._troubles: dict[str, _Trouble] = {}
        self._mine: Collection[str] = ()
        self.go_on: Callable[[str], Awaitable[None]] | None = None
        """Begins the workflow of a recording; set while the recorder runs."""

    def take_up(self, entry: Entry, refusal: str | None = None) -> None:
        """Go on with a recording of this recorder that does not lie here, unless it waits.

        *refusal*: why no recorder has room to capture it; where nothing was captured yet it is over.
        """
        trouble = self._troubles.get(entry.recording_id)
        if trouble is None or clock.monotonic_s() >= trouble.due_s or entry.stops > trouble.stops:
            self._tasks.start(entry.recording_id, lambda: self._take_up(entry, refusal))

    def forget_all_but(self, mine: Mapping[str, Entry]) -> None:
        """*mine*: what this recorder has now. Troubles with others are forgotten after an hour."""
        self._mine = set(mine)
        for recording_id, trouble in list(self._troubles.items()):
            if recording_id not in mine and clock.monotonic_s() - trouble.since_s > 3600:
                del self._troubles[recording_id]

    def waiting(self) -> Counter[str]:
        """Return how many recordings of this recorder wait to be begun, by reason."""
        return Counter(t.reason for id_, t in self._troubles.items() if id_ in self._mine)

    async def _take_up(self, entry: Entry, refusal: str | None) -> None:
        recording_id = entry.recording_id
        if trouble := self._troubles.get(recording_id):
            trouble.stops = entry.stops
            refusal = refusal or trouble.refusal
        try:
            if refusal is not None and not await self._was_captured(entry):
                await self._end(entry, "no_room", refusal)
                return
            came_to = await self._beginning.begin(entry)
        except LedgerAway:
            raise  # asked again as soon as it is there
        except MirrorAway:
            self._waits(recording_id, "storage_away")
            raise
        except LookupError as error:
            log.error("pool_no_such_backend", recording=recording_id, backend=entry.backend)
            await self._cannot(entry, NO_SUCH_BACKEND, error)
        except OSError as error:
            if not isinstance(error, FileExistsError):
                self._condition.disk_failed()
            await self._cannot(entry, DISK_FAILED, error)
        except Exception:  # whatever it was with this one, it is tried again
            self._waits(recording_id, "fault")
            raise
        else:
            if came_to == "missing":
                await self._miss(entry)
                return
            self._troubles.pop(recording_id, None)
            if came_to == "begun":
                assert self.go_on is not None, "the pool runs"
                self._following.begins(entry)
                await self.go_on(recording_id)

    async def _miss(self, entry: Entry) -> None:
        """Note that this recorder's own disk held what was captured, and does not any more."""
        if await self._ledger.note_missing(entry):
            log.error(
                "pool_copy_missing", recording=entry.recording_id, state=entry.state, at=entry.recorder_id
            )
        self._waits(entry.recording_id, "copy_missing")

    async def _cannot(self, entry: Entry, cause: Reason, error: Exception) -> None:
        """Find somebody else for what cannot be begun here; else tell the room, or wait."""
        recording_id = entry.recording_id
        trouble = self._waits(recording_id, cause)
        now = await self._ledger.entry(recording_id)
        if now is None or (now.recorder_id, now.epoch) != (entry.recorder_id, entry.epoch):
            return
        if ends_unbegun(now, clock.monotonic_s() - trouble.since_s) and not await self._was_captured(now):
            await self._end(now, cause, cause)
            return
        others = {m.recorder_id: m for m in await self._ledger.members()}
        for known in {self._ledger.recorder_id, *trouble.given_to}:
            others.pop(known, None)
        other = least_loaded(others.values())
        if other is not None and await self._ledger.hand_over(recording_id, other.recorder_id):
            trouble.given_to.add(other.recorder_id)
            trouble.due_s = 0.0
            log.warning(
                "pool_handed_on", recording=recording_id, cause=cause, error=str(error), to=other.recorder_id
            )
            return
        wait = round(trouble.due_s - clock.monotonic_s())
        log.error("pool_not_begun", recording=recording_id, cause=cause, error=str(error), retry_in_s=wait)

    async def _was_captured(self, entry: Entry) -> bool:
        """Tell whether there is something that must not be lost. Raises MirrorAway."""
        return can_have_begun(entry) and await self._copies.has(entry.recording_id)

    async def _end(self, entry: Entry, reason: Reason, cause: str) -> None:
        """Tell the room that it is over, now or when that can be done."""
        try:
            await self._last_words.say(entry, cause)
        except BackendAway as away:
            log.warning("report_not_acknowledged", recording=entry.recording_id, error=str(away))
            trouble = self._waits(entry.recording_id, reason)
            trouble.refusal = cause if reason == "no_room" else None
        else:
            self._troubles.pop(entry.recording_id, None)

    def _waits(self, recording_id: str, reason: Reason) -> _Trouble:
        now_s = clock.monotonic_s()
        trouble = self._troubles.setdefault(recording_id, _Trouble(now_s, reason))
        trouble.attempts += 1
        trouble.reason = reason
        trouble.due_s = now_s + wait_s(trouble.attempts)
        return trouble
