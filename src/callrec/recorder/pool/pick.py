"""Which recorder gets a recording. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from callrec.recorder.lifecycle.limits import TOO_MANY


@dataclass(frozen=True)
class Member:
    """A recorder as the ledger knows it."""

    recorder_id: str
    refusal: str | None
    """Why it took no more recordings when it was asked last, None when it did."""
    capturing: int
    composing: int
    composers: int
    """So many recordings it composes at a time."""
    busy_percent: float
    most: int | None = None
    """So many recordings it captures at a time; None: it has no such limit."""

    @property
    def refuses(self) -> str | None:
        """Why it takes no more recordings, with those it does not know of yet."""
        if self.refusal is None and self.most is not None and self.capturing >= self.most:
            return TOO_MANY
        return self.refusal


def least_loaded(members: Iterable[Member], preferred: str | None = None) -> Member | None:
    """Return who captures the next recording; None when all refuse.

    Of equals *preferred* gets it: who has the room's recording before, or who was asked.
    """
    able = [m for m in members if m.refuses is None]
    return min(
        able,
        key=lambda m: (m.capturing, m.recorder_id != preferred, m.busy_percent, m.recorder_id),
        default=None,
    )


def refusal_of_all(members: Iterable[Member]) -> str | None:
    """Return the reason that most recorders give for refusing."""
    reasons = sorted(reason for m in members if (reason := m.refuses) is not None)
    return max(reasons, key=reasons.count, default=None)


def composes_instead(me: Member, members: Iterable[Member]) -> Member | None:
    """Return who should compose a recording in place of *me*; None: nobody.

    Handing over copies the whole folder, so it is done only where this recorder has more to compose than it
    can begin, and another one is idle.
    """
    if me.composing <= me.composers:
        return None
    idle = [m for m in members if m.recorder_id != me.recorder_id and m.composing < m.composers]
    return min(idle, key=lambda m: (m.composing / m.composers, m.busy_percent, m.recorder_id), default=None)


def without_leaving(
    me: Member, members: Iterable[Member], leaving: Mapping[str, int]
) -> tuple[Member, list[Member]]:
    """Return how *me* and *members* stand when each has got so many recordings as *leaving* tells."""
    later = [replace(m, composing=m.composing + leaving.get(m.recorder_id, 0)) for m in members]
    return replace(me, composing=me.composing - sum(leaving.values())), later


def share(waiting: int, takers: int) -> int:
    """Return how many of *waiting* recordings one of *takers* takes at a time."""
    return -(-waiting // max(1, takers))
