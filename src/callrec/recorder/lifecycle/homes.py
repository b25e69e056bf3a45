"""The homes of recordings outside the data directory: which there are, and which are away.

A home bears a marker that the data directory knows, too: an empty mount point is not taken for an empty home.
"""

import secrets
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import structlog

from callrec.errors import SettingsError
from callrec.recorder.folder import home
from callrec.recorder.lifecycle import home_notes
from callrec.recorder.lifecycle.home_notes import NotedHome

log = structlog.get_logger()


class Homes:
    """Those that the settings name, and those of before in which something lies."""

    def __init__(self, data: Path, named: Iterable[Path]) -> None:
        """*named* are those of the settings."""
        self._data = data
        self._named = [path.absolute() for path in named]
        self._markers: dict[Path, str] = {}
        self._opened: list[Path] = []
        self._locks = ExitStack()

    @contextmanager
    def opened(self) -> Iterator[list[Path]]:
        """Keep other recorders out of all that are there; yields them, in the order of the settings.

        Raises:
            SettingsError: one that the settings name cannot be used, or the note of them cannot be read.
        """
        with self._locks:
            noted = home_notes.read(self._data)
            self._markers = dict.fromkeys(self._named, "") | {
                one.path: one.marker for one in noted if one.path in self._named or not _is_done_with(one)
            }
            for path in self._markers:
                why = why_away(NotedHome(path, self._markers[path]), is_named=path in self._named)
                if why is not None:
                    log.error("recording_home_away", home=str(path), error=why)
                else:
                    self._open(path)
            self._note(noted)
            yield list(self._opened)

    def away(self) -> list[Path]:
        """Return those that are not there now, or not in use yet since they are back."""
        return [
            path
            for path, marker in self._markers.items()
            if path not in self._opened or (marker and home.read_marker(path) != marker)
        ]

    def is_away(self, path: Path) -> bool:
        """Tell whether *path* is a home that is not there now."""
        return path.absolute() in self.away()

    @property
    def has_unopened(self) -> bool:
        """Whether one was away at the start, and still is."""
        return len(self._opened) < len(self._markers)

    def open_returned(self) -> list[Path]:
        """Open those that were away at the start and are there now; returns them."""
        before = len(self._opened)
        for path, marker in self._markers.items():
            if path in self._opened:
                continue
            if why_away(NotedHome(path, marker), is_named=path in self._named) is None:
                try:
                    self._open(path)
                except SettingsError as error:
                    log.error("recording_home_away", home=str(path), error=str(error))
        return self._opened[before:]

    def _open(self, path: Path) -> None:
        try:
            self._locks.enter_context(home.opened(path))
        except SettingsError as error:
            if path in self._named:
                raise
            log.error("recording_home_away", home=str(path), error=str(error))
            return
        try:
            marker = home.read_marker(path) or self._markers[path] or secrets.token_hex(8)
            home.mark(path, marker)
            self._markers[path] = marker
        except OSError as error:  # a full disk, most likely: recordings go on
            log.warning("recording_homes_not_noted", error=str(error))
        self._opened.append(path)

    def _note(self, before: list[NotedHome]) -> None:
        wanted = [NotedHome(path, marker) for path, marker in self._markers.items()]
        try:
            if wanted != before:
                home_notes.write(self._data, wanted)
        except OSError as error:
            log.warning("recording_homes_not_noted", error=str(error))


def check_homes(data: Path, own: Path, named: Iterable[Path]) -> None:
    """See that the *own* one in *data*, and those *named* by the settings, can be used if they are there.

    Raises:
        SettingsError: one cannot, or the note of them cannot be read.
    """
    if own.exists() and not own.is_dir():
        raise SettingsError(f"recordings directory {own}: not a directory")
    noted = {one.path: one for one in home_notes.read(data)}
    for path in named:
        if why_away(noted.get(path.absolute(), NotedHome(path)), is_named=True) is None:
            with home.opened(path):
                pass


def why_away(noted: NotedHome, *, is_named: bool) -> str | None:
    """Return in plain words why a home is not there, None when it is.

    *is_named*: by the settings; one without a marker is made if need be.
    """
    path, marker = noted
    if not marker:
        return None if is_named or path.is_dir() else "it is not there"
    there = home.read_marker(path)
    if there == marker or (there is None and _holds_recordings(path)):  # restored without its hidden files
        return None
    if there is None:
        return f"its disk is not mounted: there is no {home.MARKER_NAME} in it"
    return f"another disk is mounted there: its {home.MARKER_NAME} is another one"


def _is_done_with(noted: NotedHome) -> bool:
    """Tell whether it is there and holds no recording."""
    if noted.marker and home.read_marker(noted.path) != noted.marker:
        return False
    return noted.path.is_dir() and not _holds_recordings(noted.path)


def _holds_recordings(path: Path) -> bool:
    """Tell whether something lies there; what cannot be read may hold some."""
    try:
        return any(not entry.name.startswith(".") for entry in path.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
