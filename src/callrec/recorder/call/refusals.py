"""How long a recording that goes on bears being refused a way back into its call. Pure.

Signaling was lost, but media may flow meanwhile, and who refuses may be a server that is not itself yet.
"""

WAITS_S = (5.0, 25.0, 60.0)
"""Before it is asked again; the last one is repeated. Few requests, as signaling servers count failed hellos
(docs/wire.md, Throttling)."""


class Refusals:
    """Those in a row; times are of a monotonic clock."""

    def __init__(self, bear_for_s: float) -> None:
        self._bear_for_s = bear_for_s
        self._first_s: float | None = None
        self._count = 0

    def wait_s(self, now_s: float) -> float | None:
        """Return how long to wait after one more, None when they have been borne for long enough."""
        if self._first_s is None:
            self._first_s = now_s
        if now_s - self._first_s >= self._bear_for_s:
            return None
        self._count += 1
        return WAITS_S[min(self._count, len(WAITS_S)) - 1]

    def end(self) -> None:
        """Note that it is back in the call."""
        self._first_s, self._count = None, 0
