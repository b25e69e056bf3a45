"""Waits that an operator, or news, can cut short."""

import asyncio

from callrec import clock

LOOK_EVERY_S = 60.0
"""Wall time may jump: it is looked at so often while somebody waits for it."""
CLOSE_S = 0.001
"""Less is no wait: the clocks differ in their last digits."""


class Alarms:
    """One bell per recording; ringing it when nobody waits has no effect."""

    def __init__(self) -> None:
        self._bells: dict[str, asyncio.Event] = {}

    async def wait(self, recording_id: str, until_s: float) -> None:
        """Wait until wall time *until_s* (Unix seconds), or until the bell rings.

        Wall time that jumps forward ends the wait; one that jumps back does not make it longer.
        """
        bell = self._bells.setdefault(recording_id, asyncio.Event())
        bell.clear()
        end_s = clock.monotonic_s() + until_s - clock.wall_s()
        try:
            while (left_s := min(until_s - clock.wall_s(), end_s - clock.monotonic_s())) > CLOSE_S:
                if await clock.is_set_within(bell, min(left_s, LOOK_EVERY_S)):
                    return
        finally:
            if self._bells.get(recording_id) is bell:
                del self._bells[recording_id]

    def ring(self, recording_id: str) -> None:
        """Let who waits for the recording go on now."""
        bell = self._bells.get(recording_id)
        if bell is not None:
            bell.set()
