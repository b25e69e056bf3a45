"""The file of speaking times that Talk keeps beside a recording (docs/wire.md, Chunked store). Pure."""

from collections.abc import Mapping

import msgspec

from callrec.recorder.compose.heard import Heard
from callrec.recorder.compose.people import user_id


class _Interval(msgspec.Struct, rename="camel", omit_defaults=True):
    participant_id: str
    participant_name: str
    start_timestamp: int
    stop_timestamp: int
    start_timestamp_relative: int
    stop_timestamp_relative: int
    participant_user_id: str | None = None


class _SpeakingTimes(msgspec.Struct, rename="camel"):
    recording_start_timestamp: int
    intervals: list[_Interval]


def speaking_times(heard: Mapping[str, Heard], names: Mapping[str, str], starts_at_ms: int) -> bytes:
    """Return the file of a film that begins at Unix time *starts_at_ms*: who spoke when, by time."""
    intervals = [
        _Interval(
            participant_id=participant,
            participant_name=names[participant],
            participant_user_id=user_id(participant),
            start_timestamp=starts_at_ms + begin,
            stop_timestamp=starts_at_ms + end,
            start_timestamp_relative=begin,
            stop_timestamp_relative=end,
        )
        for participant, one in heard.items()
        for begin, end in one.spells_ms
    ]
    intervals.sort(key=lambda interval: interval.start_timestamp)
    return msgspec.json.encode(_SpeakingTimes(starts_at_ms, intervals))
