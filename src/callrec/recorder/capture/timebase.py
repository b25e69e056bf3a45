"""The recording's time line: milliseconds since the manifest's anchor."""

from collections.abc import Iterable

from callrec import clock
from callrec.recorder.folder.manifest import Anchor
from callrec.recorder.folder.moments import MAX_MS
from callrec.recorder.folder.timeline import Event


def new_anchor() -> Anchor:
    """Return the anchor of a recording that begins now."""
    return Anchor(wall_s=clock.wall_s(), monotonic_ns=clock.monotonic_ns(), boot_id=clock.boot_id())


class TimeBase:
    """Tells the time on the recording's time line.

    Within one boot it follows the monotonic clock. After a reboot, or on another machine, wall time sets the
    base once, and from then on the monotonic clock counts again.
    """

    def __init__(self, anchor: Anchor, events: Iterable[Event] = ()) -> None:
        """*events* are those of the timeline: an earlier process of this boot may have set the base."""
        boot_id = clock.boot_id()
        self.moved = False
        """The base was set by wall time just now: the timeline has to tell it (event *anchor*)."""
        if boot_id == anchor.boot_id:
            self._zero_ns = anchor.monotonic_ns
            return
        last_ms = 0
        zero_ns = None
        for event in events:
            last_ms = max(last_ms, event.ms)
            if event.type == "anchor" and event.boot_id == boot_id and event.monotonic_ns is not None:
                zero_ns = event.monotonic_ns - event.ms * 1_000_000
        if zero_ns is None:
            self.moved = True
            # Never before what was written: wall time may be wrong after a reboot.
            elapsed_ns = max(int((clock.wall_s() - anchor.wall_s) * 1e9), last_ms * 1_000_000)
            zero_ns = clock.monotonic_ns() - elapsed_ns
        self._zero_ns = zero_ns

    def now_ms(self) -> int:
        """Return the present moment in milliseconds of the time line, within what a record can say."""
        return min(max(0, (clock.monotonic_ns() - self._zero_ns) // 1_000_000), MAX_MS)

    def at_ns(self, ms: int) -> int:
        """Return the monotonic clock's reading at a moment of the time line."""
        return self._zero_ns + ms * 1_000_000
