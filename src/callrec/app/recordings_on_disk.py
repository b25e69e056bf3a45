"""The recordings of a recorder that does not run, read from their folders. Nothing is changed."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from callrec import clock
from callrec.app.operator_client import recorder_data
from callrec.errors import FolderDamaged, OperatorRefused
from callrec.recorder.folder import home
from callrec.recorder.folder.manifest import Manifest, read_manifest
from callrec.recorder.folder.paths import FolderPaths
from callrec.recorder.lifecycle.ages import age_key
from callrec.recorder.lifecycle.entries import Entry, entry_of
from callrec.recorder.lifecycle.interventions import NO_SUCH_RECORDING
from callrec.recorder.lifecycle.measure import measure
from callrec.recorder.lifecycle.operator import Details, finished_files
from callrec.recorder.lifecycle.states import present_state
from callrec.settings import Settings


class RecordingsOnDisk:
    """The folders in the data directory *data*, and where the settings name others."""

    def __init__(self, data: Path, settings: Settings) -> None:
        outside = [home.within(directory) for directory in settings.recorder.directories]
        self._homes = [recorder_data(data) / home.OWN, *outside]
        self._fps = settings.recorder.fps

    def list(self) -> list[Entry]:
        """Return all that can be read, newest first."""
        read = sorted(self._all(), key=lambda one: age_key(one[1]), reverse=True)
        return [self._entry(paths, manifest) for paths, manifest in read]

    def show(self, recording_id: str) -> Details:
        """Return what is known of one. Raises OperatorRefused."""
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
        raise OperatorRefused(NO_SUCH_RECORDING, f"there is none with the id {recording_id}")

    def _entry(self, paths: FolderPaths, manifest: Manifest) -> Entry:
        return entry_of(manifest, measure(paths, manifest.file_name, self._fps), clock.wall_s())

    def _all(self) -> Iterator[tuple[FolderPaths, Manifest]]:
        for directory in self._homes:
            for folder in directory.iterdir() if directory.is_dir() else ():
                paths = FolderPaths(folder)
                if folder.name.startswith("."):
                    continue
                try:
                    manifest = read_manifest(paths.manifest)
                except FolderDamaged:
                    continue  # ``callrec folder check`` says what is wrong with it
                yield paths, msgspec.structs.replace(manifest, state=present_state(manifest))
