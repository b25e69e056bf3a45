"""The file of speaking times that Talk keeps beside a recording (docs/wire.md, Chunked store). Pure."""

from collections.abc import Iterable, Mapping

import msgspec

from callrec.recorder.compose.chapters import Chapter
from callrec.recorder.compose.heard import Heard
from callrec.recorder.compose.people import user_id
from callrec.wire import speaking_times as wire
from callrec.wire.speaking_times import Interval, SpeakingTimes


def speaking_times(
    heard: Mapping[str, Heard], names: Mapping[str, str], chapters: Iterable[Chapter], starts_at_ms: int
) -> bytes:
    """Return the file of a film that begins at Unix time *starts_at_ms*: who spoke when, by time."""
    intervals = [
        Interval(
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
    parts = [wire.Chapter(chapter.from_ms, chapter.title) for chapter in chapters]
    return msgspec.json.encode(SpeakingTimes(starts_at_ms, intervals, parts))
