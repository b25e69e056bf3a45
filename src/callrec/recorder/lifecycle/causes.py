"""Why a capture ends: stable words for log, metric and manifest."""

from typing import Final

from callrec.recorder.call import reports
from callrec.recorder.lifecycle import limits

REFUSED = "refused"
"""The backend did not agree to be recorded."""
WITHDRAWN = "withdrawn"
"""The backend told the room that it is not recorded any more."""
NOT_ACKNOWLEDGED = "not_acknowledged"
NO_SUCH_BACKEND: Final = "no_such_backend"
FOLDER_GONE: Final = "folder_gone"
"""Its folder was deleted, or the disk unmounted."""
TAKEN_OVER = "taken_over"
"""Another recorder of the pool goes on with it."""
COPY_LOST = "copy_lost"
"""Who had it is gone, and the pool's storage holds no copy."""

ALL = (
    reports.STOPPED,
    reports.CALL_ENDED,
    reports.CALL_EMPTY,
    reports.ROOM_GONE,
    reports.DISK_FAILED,
    reports.JOIN_REFUSED,
    reports.ENCRYPTED,
    reports.CRASHED,
    *limits.STOPS,
    REFUSED,
    WITHDRAWN,
    NOT_ACKNOWLEDGED,
    NO_SUCH_BACKEND,
    FOLDER_GONE,
    TAKEN_OVER,
    COPY_LOST,
)
