"""Who was in a recording, told from its whole timeline: names for files and lists."""

import contextlib
from collections.abc import Iterable

from callrec.errors import FolderDamaged
from callrec.recorder.compose.presence import UNNAMED, one_line
from callrec.recorder.folder.reader import FolderReader
from callrec.recorder.folder.timeline import Event
from callrec.recorder.folder.track import read_track

_USERS = "users/"


class People:
    """Everybody who is mentioned, in the order of first mention."""

    def __init__(self, events: Iterable[Event], tracks: Iterable[tuple[int, str]]) -> None:
        """*tracks*: number and participant of each, as track.json says."""
        self.names: dict[str, str] = {}
        """By participant: what he was called last."""
        self.owners: dict[int, str] = dict(tracks)
        """The participant of each track."""
        for event in events:
            if event.participant is None:
                continue
            if event.type == "track" and event.track in self.owners:
                self.owners[event.track] = event.participant
            elif event.type in ("joined", "name"):
                name = one_line(event.name) or self.names.get(event.participant, UNNAMED)
                self.names[event.participant] = name
        for participant in self.owners.values():
            self.names.setdefault(participant, UNNAMED)


def people_of(reader: FolderReader) -> People:
    """Return the people of a folder."""
    tracks = []
    for number in reader.paths.track_numbers():
        # What is damaged costs itself only, and is logged where it is composed.
        with contextlib.suppress(FolderDamaged):
            tracks.append((number, read_track(reader.paths.track(number)).participant))
    return People(reader.timeline(), tracks)


def user_id(participant: str) -> str | None:
    """Return the user id of a participant who has one."""
    return participant.removeprefix(_USERS) if participant.startswith(_USERS) else None
