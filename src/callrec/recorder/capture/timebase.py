"""The recording's time line: milliseconds since the manifest's anchor."""

from callrec import clock
from callrec.recorder.folder.manifest import Anchor


def new_anchor() -> Anchor:
    """Return the anchor of a recording that begins now."""
    return Anchor(wall_s=clock.wall_s(), monotonic_ns=clock.monotonic_ns(), boot_id=clock.boot_id())


class TimeBase:
    """Tells the time on the recording's time line.

    Within one boot it follows the monotonic clock. After a reboot, or on another machine, wall time sets the
    base once, and from then on the monotonic clock counts again.
    """

    def __init__(self, anchor: Anchor) -> None:
        if clock.boot_id() == anchor.boot_id:
            self._zero_ns = anchor.monotonic_ns
        else:
            elapsed_ns = int(max(0.0, clock.wall_s() - anchor.wall_s) * 1e9)
            self._zero_ns = clock.monotonic_ns() - elapsed_ns

    def now_ms(self) -> int:
        """Return the present moment in milliseconds of the time line."""
        return max(0, (clock.monotonic_ns() - self._zero_ns) // 1_000_000)
