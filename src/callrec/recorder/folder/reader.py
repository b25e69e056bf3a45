"""Reading a recording folder, also while it is still written."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from callrec.recorder.folder.manifest import Manifest, read_manifest
from callrec.recorder.folder.paths import FolderPaths
from callrec.recorder.folder.rtpdump import HEADER_BYTES, Record, TornTail, read_records, torn_tail
from callrec.recorder.folder.timeline import Event, read_timeline
from callrec.recorder.folder.track import Track, read_track


class TrackReader:
    """Reads one track's records in the order of arrival; ``poll`` goes on where it last ended."""

    def __init__(self, paths: FolderPaths, track: Track) -> None:
        self._paths = paths
        self.track = track
        self.torn_tails: list[tuple[Path, TornTail]] = []
        """Of the segments that were read and are followed by another one."""
        self.missing_segments: list[range] = []
        """Numbers of those that are not there although a later one is."""
        self._segment = 0
        self._position = HEADER_BYTES

    def poll(self) -> Iterator[Record]:
        """Yield the records that were not read yet."""
        while True:
            path = self._paths.segment(self.track.number, self._segment)
            if not path.exists():
                if not self._pass_over_missing():
                    return
                continue
            # Asked before reading: a segment is complete before the next one is created, and what then
            # still follows the last whole record is a torn tail.
            complete = self._next_segment() is not None
            for record, position in read_records(path, self._position):
                self._position = position
                yield record
            if not complete:
                return
            self._note_tail(path)
            self._segment += 1
            self._position = HEADER_BYTES

    def end(self) -> None:
        """Note the torn tail of the newest segment, too, if reading stopped there; it grows no more."""
        path = self._paths.segment(self.track.number, self._segment)
        if path.exists():
            self._note_tail(path)

    def _next_segment(self) -> int | None:
        """Return the number of the first segment after the current one."""
        if self._paths.segment(self.track.number, self._segment + 1).exists():
            return self._segment + 1  # as a rule: no need to look at all names
        numbers = self._paths.segment_numbers(self.track.number)
        return next((number for number in numbers if number > self._segment), None)

    def _pass_over_missing(self) -> bool:
        """Go on to the next segment that is there, and tell whether there is one."""
        following = self._next_segment()
        if following is None:
            return False
        self.missing_segments.append(range(self._segment, following))
        self._segment = following
        return True

    def _note_tail(self, path: Path) -> None:
        tail = torn_tail(path, self._position)
        if tail is not None:
            self.torn_tails.append((path, tail))


@dataclass(frozen=True)
class FolderReader:
    """Reads the folder at ``paths.root``."""

    paths: FolderPaths

    @classmethod
    def at(cls, root: Path) -> "FolderReader":
        """Return a reader of the folder *root*."""
        return cls(FolderPaths(root))

    def manifest(self) -> Manifest:
        """Return the manifest. Raises FolderDamaged."""
        return read_manifest(self.paths.manifest)

    def timeline(self) -> list[Event]:
        """Return the events in file order."""
        return list(read_timeline(self.paths.timeline))

    def tracks(self) -> list[Track]:
        """Return the tracks by number, each with the participant that the timeline last named for it.

        A directory without track.json is passed over: it was never announced to the peer, so it is empty.
        """
        owners = {e.track: e.participant for e in self.timeline() if e.type == "track" and e.participant}
        tracks = []
        for number in self.paths.track_numbers():
            directory = self.paths.track(number)
            if not (directory / "track.json").exists():
                continue
            track = read_track(directory)
            owner = owners.get(number)
            tracks.append(msgspec.structs.replace(track, participant=owner) if owner else track)
        return tracks
