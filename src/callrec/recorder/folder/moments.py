"""Types of moments as they stand in the folder's files; what no clock of ours can have said is refused."""

from typing import Annotated

import msgspec

MAX_MS = 0xFFFF_FFFF
"""The last moment of a time line: as much as a segment's record can say, 49 days."""
Ms = Annotated[int, msgspec.Meta(ge=0, le=MAX_MS)]
"""Milliseconds on the recording's time line."""
UnixSeconds = Annotated[float, msgspec.Meta(ge=0, lt=1e11)]
"""Wall time in seconds since 1970 (UTC)."""
