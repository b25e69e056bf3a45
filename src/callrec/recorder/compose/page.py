"""Who has a tile when there are more people than tiles, and which one: nobody moves without need. Pure."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from callrec.recorder.compose.scene import Seat


class Rank(NamedTuple):
    """How much a tile is deserved; compared in this order."""

    speaking: bool
    recent: bool
    """Takes part in the conversation."""
    picture: bool
    last_ms: float
    """When he spoke last."""


class Page:
    """The tiles of one arrangement, kept from one moment to the next."""

    def __init__(self) -> None:
        self._keys: list[str] = []

    def update(
        self, seats: Iterable[Seat], size: int, rank: Callable[[Seat], Rank], first: str | None = None
    ) -> list[Seat]:
        """Return those of *seats* (in the order of coming) that have one of *size* tiles, in their order.

        Whoever speaks takes the tile of the one who has been silent longest. *first* has the first tile: he
        and who had it before change places.
        """
        there = {seat.participant: seat for seat in seats}
        ranks = {key: rank(seat) for key, seat in there.items()}

        def best(keys: Iterable[str]) -> list[str]:  # of equals who came first
            return sorted(keys, key=ranks.__getitem__, reverse=True)

        waiting = best(key for key in there if key not in self._keys)
        kept: list[str] = []
        for key in self._keys:
            if key in there:
                kept.append(key)
            elif waiting:  # in the place of one who left
                kept.append(waiting.pop(0))
        if len(kept) > size:
            stay = set(best(kept)[:size])
            kept = [key for key in kept if key in stay]
        coming, waiting = set(waiting[: size - len(kept)]), waiting[size - len(kept) :]
        kept += [key for key in there if key in coming]
        for key in waiting if kept else ():  # the best first: where one goes before nobody, no other does
            least = best(kept)[-1]
            if not _goes_before(ranks[key], ranks[least]):
                break
            kept[kept.index(least)] = key
        if first is not None and kept:
            index = kept.index(first) if first in kept else -1
            kept[index], kept[0] = kept[0], first
        self._keys = kept
        return [there[key] for key in kept]


def _goes_before(new: Rank, least: Rank) -> bool:
    """Tell whether somebody takes another one's tile: in mid-conversation only by speaking himself."""
    if least.speaking or new.speaking:
        return not least.speaking
    return not least.recent and new[:3] > least[:3]
