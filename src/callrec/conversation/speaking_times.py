"""The file of speaking times that a recorder may send beside a recording (docs/wire.md, Chunked store)."""

import msgspec

MAX_BYTES = 16 << 20
MEDIA_TYPE = "application/json"


class Interval(msgspec.Struct, rename="camel"):
    """One person spoke from ``start_timestamp`` to ``stop_timestamp`` (Unix time in milliseconds).

    The relative ones count from the beginning of the recording. Guests have no user id.
    """

    participant_id: str
    participant_name: str
    start_timestamp: int
    stop_timestamp: int
    start_timestamp_relative: int
    stop_timestamp_relative: int
    participant_user_id: str | None = None


class SpeakingTimes(msgspec.Struct, rename="camel"):
    """Who spoke when in a recording that began at ``recording_start_timestamp`` (milliseconds)."""

    recording_start_timestamp: int
    intervals: list[Interval]


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
    """Return the name of the file of speaking times of *recording*: hidden, beside it."""
    stem, dot, _ = recording.rpartition(".")
    return f".{stem if dot else recording} speaking times.json"
