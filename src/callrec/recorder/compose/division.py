"""Which worker composes which chunks. Pure, but for a lock: workers ask from threads of their own."""

import itertools
import threading
from collections import deque
from collections.abc import Sequence

from callrec.recorder.compose.film import Chunk

MIN_SHARE = 2
"""A worker that begins reads the whole log up to its first chunk: for one chunk it is not worth it."""


def useful_workers(chunks: int, workers: int) -> int:
    """Return how many of *workers* are of use for so many missing chunks; at least 1."""
    return max(1, min(workers, chunks // MIN_SHARE))


class Division:
    """Neighbouring chunks to each worker, so that decoders go on from one to the next.

    Who has none left takes the later half of the largest share. What a worker that died was at is given back.
    """

    def __init__(self, chunks: Sequence[Chunk], workers: int) -> None:
        """Divide *chunks*, in their order, into *workers* parts of about the same size."""
        count = len(chunks)
        bounds = [count * worker // workers for worker in range(workers + 1)]
        self._shares = [deque(chunks[a:b]) for a, b in itertools.pairwise(bounds)]
        self._lock = threading.Lock()

    def next(self, worker: int) -> Chunk | None:
        """Return the next chunk of *worker*, None when there is nothing left that is worth taking."""
        with self._lock:
            share = self._shares[worker]
            if not share:
                longest = max(self._shares, key=len)
                taken = [longest.pop() for _ in range(len(longest) // 2)]
                share.extend(reversed(taken))
            return share.popleft() if share else None

    def give_back(self, worker: int, chunk: Chunk) -> None:
        """Let others have *chunk*: *worker* will not compose it."""
        with self._lock:
            self._shares[worker].appendleft(chunk)
