"""The form of the file that says who spoke when in a recording (docs/wire.md, Chunked store)."""

import hashlib

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


class Chapter(msgspec.Struct, rename="camel"):
    """A part of the recording, up to the next one; milliseconds from the beginning."""

    start_timestamp_relative: int
    title: str


class SpeakingTimes(msgspec.Struct, rename="camel", omit_defaults=True):
    """Who spoke when in a recording that began at ``recording_start_timestamp`` (milliseconds)."""

    recording_start_timestamp: int
    intervals: list[Interval]
    chapters: list[Chapter] = []
    """callrec's own: Talk does not know them."""


def hue(participant: str) -> float:
    """Return the hue (a part of the circle, 0 to 1) of a participant's colour: always the same one."""
    return hashlib.sha256(participant.encode()).digest()[0] / 256
