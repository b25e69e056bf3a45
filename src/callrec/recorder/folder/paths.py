"""Where things lie in a recording folder."""

from dataclasses import dataclass
from pathlib import Path

SEGMENT_SUFFIX = ".rtpdump"
SPEAKING_TIMES_SUFFIX = " speaking times.json"
OVERVIEW_SUFFIX = " overview.json"
"""What stands in place of the film's extension in the names of the files beside it."""


def beside(film: Path, suffix: str) -> Path:
    """Return the path of a file that lies beside *film*."""
    return film.with_name(film.stem + suffix)


def number_in(name: str) -> int | None:
    """Return the number that a track's directory or a segment (without suffix) is named by.

    None for any name that a number does not have, such as ``007`` or ``²``.
    """
    plain = name.isascii() and name.isdecimal() and (name == "0" or name[0] != "0")
    return int(name) if plain else None


def is_file_name(name: str) -> bool:
    """Tell whether *name* names something in a directory and leads nowhere else. Hidden ones do not."""
    return bool(name) and not name.startswith(".") and "/" not in name and "\0" not in name


@dataclass(frozen=True)
class FolderPaths:
    """Paths below the recording folder *root*."""

    root: Path

    @property
    def manifest(self) -> Path:
        """What is recorded, for whom; written by control only."""
        return self.root / "manifest.json"

    @property
    def timeline(self) -> Path:
        """Who came, went, was muted …; appended by capture only."""
        return self.root / "timeline.jsonl"

    @property
    def lock(self) -> Path:
        """Locked (flock) while a capture process writes here."""
        return self.root / "capture.lock"

    @property
    def upload(self) -> Path:
        """What the backend has of the film, while it is sent in chunks; written by control only."""
        return self.root / "upload.json"

    @property
    def tracks(self) -> Path:
        """One numbered directory per track."""
        return self.root / "tracks"

    @property
    def chunks(self) -> Path:
        """Composed pieces of the film, not yet joined."""
        return self.root / "chunks"

    @property
    def output(self) -> Path:
        """The finished files."""
        return self.root / "output"

    def film(self, file_name: str) -> Path:
        """The film, which is named as the manifest says."""
        return self.output / file_name

    def track(self, number: int) -> Path:
        """Directory of track *number*."""
        return self.tracks / str(number)

    def segment(self, number: int, index: int) -> Path:
        """Segment *index* of track *number*."""
        return self.track(number) / f"{index}{SEGMENT_SUFFIX}"

    def track_numbers(self) -> list[int]:
        """Return the numbers of the tracks that have a directory, ascending."""
        numbers = (number_in(path.name) for path in self.tracks.glob("*"))
        return sorted(number for number in numbers if number is not None)

    def segment_numbers(self, number: int) -> list[int]:
        """Return the numbers of the segments of track *number*, ascending."""
        numbers = (number_in(path.stem) for path in self.track(number).glob(f"*{SEGMENT_SUFFIX}"))
        return sorted(number for number in numbers if number is not None)

    def create(self) -> None:
        """Make the directories."""
        for directory in (self.root, self.tracks, self.chunks, self.output):
            directory.mkdir(parents=True, exist_ok=True)
