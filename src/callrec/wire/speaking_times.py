"""The form of the file that says who spoke when in a recording (docs/wire.md, Chunked store)."""

import msgspec


class Interval(msgspec.Struct, rename="camel", omit_defaults=True):
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
