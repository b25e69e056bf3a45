"""When a film begins and ends by the recorder's own account, which the film is to match whatever the load."""

from callrec.recorder.folder.manifest import Manifest
from callrec.recorder.folder.reader import FolderReader
from tests.e2e.serve_process import ServeProcess

FILM_OFF_S = 0.1
"""How much longer or shorter a film may be: it ends with a whole picture or packet of sound."""


def manifest_of(serve: ServeProcess, **wanted: object) -> Manifest:
    """Return the manifest of the one recording whose fields are as *wanted*."""
    roots = (serve.data / "recorder/recordings").glob("*/")
    manifests = [FolderReader.at(root).manifest() for root in roots]
    (found,) = (
        each for each in manifests if all(getattr(each, name) == value for name, value in wanted.items())
    )
    return found


def begins_s(manifest: Manifest) -> float:
    """Return when the film begins, in Unix seconds."""
    assert manifest.started_ms is not None
    return manifest.anchor.wall_s + manifest.started_ms / 1000


def ends_s(manifest: Manifest) -> float:
    """Return when the film ends, in Unix seconds."""
    assert manifest.stop_ms is not None
    return manifest.anchor.wall_s + manifest.stop_ms / 1000
