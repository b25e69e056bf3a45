"""The file of speaking times that a recorder may send beside a recording (docs/wire.md, Chunked store)."""

import msgspec

from callrec.conversation.files_names import with_suffix
from callrec.wire.speaking_times import SpeakingTimes

MAX_BYTES = 16 << 20
MEDIA_TYPE = "application/json"


class Unusable(Exception):
    """The content is of no use; the text says why."""


def read(content: bytes) -> SpeakingTimes:
    """Return the speaking times in *content*.

    Raises:
        Unusable: no JSON of this form, or nobody spoke.
    """
    try:
        times = msgspec.json.decode(content, type=SpeakingTimes)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Unusable(str(error)) from error
    if not times.intervals:
        raise Unusable("there is no interval")
    return times


def name_beside(recording: str) -> str:
    """Return the name of the file of speaking times of *recording*: hidden, beside it, at most 255 bytes."""
    stem, dot, _ = recording.rpartition(".")
    return with_suffix(f".{stem if dot else recording}.json", " speaking times")
