"""Clears up at the start what a recorder that died has left of its work."""

import shutil
from collections.abc import Iterable

import structlog

from callrec.recorder.folder.leftovers import sweep
from callrec.recorder.folder.manifest import Manifest
from callrec.recorder.lifecycle.recordings import Recordings

log = structlog.get_logger()


def sweep_all(recordings: Recordings, manifests: Iterable[Manifest]) -> None:
    """Delete temporary files, and what was composed of delivered films. Nothing may be at work there yet."""
    for manifest in manifests:
        paths = recordings.paths(manifest.recording_id)
        try:
            files = sweep(paths)
            if manifest.state == "retained":
                for directory in (paths.chunks, paths.output):
                    if directory.exists():
                        shutil.rmtree(directory)
                        files += 1
        except OSError as error:
            log.warning("leftovers_not_swept", recording=manifest.recording_id, error=str(error))
            continue
        if files:
            log.info("leftovers_swept", recording=manifest.recording_id, files=files)
