"""What a recorder finds when it starts: folders of calls that are over."""

from pathlib import Path

import msgspec

from callrec.recorder.folder.manifest import Manifest, State, read_manifest, write_manifest
from callrec.recorder.folder.paths import FolderPaths
from tests.recorder.lab import TOKEN, Lab
from tests.recorder.synthetic import ANNA, BEN, SyntheticRecording

STARTED_MS, STOP_MS = 700, 70_000


def recorded(home: Path, lab: Lab, state: State, recording_id: str) -> FolderPaths:
    """Write the folder of a call of 70 s in which nobody moves after 22: it costs little to compose."""
    recording = SyntheticRecording(home / recording_id, [ANNA, BEN], STOP_MS, STARTED_MS)
    recording.write()
    recording.close()
    paths = recording.paths
    given: Manifest = read_manifest(paths.manifest)
    changed = msgspec.structs.replace(
        given,
        recording_id=recording_id,
        backend=lab.url,
        token=TOKEN,
        acknowledged_at=given.anchor.wall_s,
        closed_at=given.anchor.wall_s,
        outcome="captured",
        cause="stopped",
        state=state,
        state_at=given.anchor.wall_s + 1e9,  # it is kept for long yet
        end_reported=True,
    )
    write_manifest(paths.manifest, changed)
    return paths
