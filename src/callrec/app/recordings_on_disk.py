"""The recordings of a recorder that does not run, read from their folders. Nothing is changed."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from callrec import clock
from callrec.app.operator_client import recorder_data
from callrec.errors import OperatorRefused, SettingsError
from callrec.recorder.folder import home
from callrec.recorder.folder.manifest import Manifest
from callrec.recorder.folder.paths import FolderPaths
from callrec.recorder.lifecycle import home_notes
from callrec.recorder.lifecycle.ages import age_key
from callrec.recorder.lifecycle.entries import Entry, damaged_entry, entry_of
from callrec.recorder.lifecycle.found import Damaged, read_home
from callrec.recorder.lifecycle.home_notes import NotedHome
from callrec.recorder.lifecycle.homes import why_away
from callrec.recorder.lifecycle.interventions import DAMAGED, NO_SUCH_RECORDING
from callrec.recorder.lifecycle.measure import measure
from callrec.recorder.lifecycle.operator import Details, damaged_details, finished_files
from callrec.recorder.lifecycle.states import present_state
from callrec.settings import Settings


class RecordingsOnDisk:
    """The folders in the data directory *data*, and where the settings name others."""

    def __init__(self, data: Path, settings: Settings) -> None:
        outside = [home.within(directory) for directory in settings.recorder.directories]
        own = recorder_data(data)
        noted = {one.path: one for one in home_notes.read(own)}
        places = {path.absolute(): NotedHome(path.absolute()) for path in outside} | noted
        named = {path.absolute() for path in outside}
        self.away = {
            str(path): why
            for path, place in places.items()
            if (why := why_away(place, is_named=path in named)) is not None
        }
        """Homes that are not there now, and why not."""
        self._homes = [own / home.OWN, *(path for path in places if str(path) not in self.away)]
        self._fps = settings.recorder.fps

    def list(self) -> list[Entry]:
        """Return all, newest first; before them those that are damaged."""
        read = sorted(self._all(), key=lambda one: age_key(one[1]), reverse=True)
        damaged = [self._damaged_entry(damaged) for damaged in self.damaged()]
        return damaged + [self._entry(paths, manifest) for paths, manifest in read]

    def damaged(self) -> Iterator[Damaged]:
        """Yield those whose manifests cannot be read. Raises OSError."""
        return (found for _, found in self._found() if isinstance(found, Damaged))

    def show(self, recording_id: str) -> Details:
        """Return what is known of one. Raises OperatorRefused."""
        damaged = self._damaged(recording_id)
        if damaged is not None:
            return damaged_details(damaged, self._damaged_entry(damaged))
        paths, manifest = self.find(recording_id)
        return Details(
            recording=self._entry(paths, manifest),
            manifest=manifest,
            folder=str(paths.root.absolute()),
            output=finished_files(paths.output),
        )

    def find(self, recording_id: str) -> tuple[FolderPaths, Manifest]:
        """Return folder and manifest of one. Raises OperatorRefused."""
        for paths, manifest in self._all():
            if paths.root.name == recording_id:
                return paths, manifest
        damaged = self._damaged(recording_id)
        if damaged is not None:
            text = f"{damaged.folder}: {damaged.error} (export --folder takes it as it is)"
            raise OperatorRefused(DAMAGED, text)
        raise OperatorRefused(NO_SUCH_RECORDING, f"there is none with the id {recording_id}")

    def folder(self, recording_id: str) -> FolderPaths:
        """Return the folder of one, whether its manifest can be read or not. Raises OperatorRefused."""
        damaged = self._damaged(recording_id)
        return self.find(recording_id)[0] if damaged is None else FolderPaths(damaged.folder)

    def _damaged(self, recording_id: str) -> Damaged | None:
        return next((d for d in self.damaged() if d.folder.name == recording_id), None)

    def _damaged_entry(self, damaged: Damaged) -> Entry:
        return damaged_entry(damaged, measure(FolderPaths(damaged.folder), "", self._fps))

    def _entry(self, paths: FolderPaths, manifest: Manifest) -> Entry:
        return entry_of(manifest, measure(paths, manifest.file_name, self._fps), clock.wall_s())

    def _all(self) -> Iterator[tuple[FolderPaths, Manifest]]:
        for folder, found in self._found():
            if not isinstance(found, Damaged):
                state = present_state(found)
                yield FolderPaths(folder), msgspec.structs.replace(found, state=state)

    def _found(self) -> Iterator[tuple[Path, Manifest | Damaged]]:
        for directory in self._homes:
            try:
                yield from read_home(directory)
            except FileNotFoundError:
                continue  # no recorder has made it yet
            except OSError as error:
                raise SettingsError(f"recordings directory {directory}: {error.strerror or error}") from error
