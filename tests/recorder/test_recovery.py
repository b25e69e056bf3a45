"""What a recorder that was killed leaves: no process, no half of a file, nothing of what was delivered."""

import os
import signal
from pathlib import Path

import msgspec

from callrec.recorder.folder.manifest import Manifest, State, read_manifest, write_manifest
from callrec.recorder.folder.paths import FolderPaths
from tests.recorder.compose.processes import children_of, lives
from tests.recorder.conftest import RecorderProcess
from tests.recorder.lab import TOKEN, Lab
from tests.recorder.synthetic import ANNA, BEN, SyntheticRecording
from tests.recorder.test_recorder_crash import until

STARTED_MS, STOP_MS = 700, 70_000
GONE_WITHIN_S = 30
"""On a busy machine; alone it is some tens of milliseconds."""


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


def descendants(pid: int) -> set[int]:
    """Return the children of a process, and theirs."""
    found = set(children_of(pid))
    for child in list(found):
        found |= descendants(child)
    return found


async def test_killed_while_helpers_compose(lab: Lab, recorder_process: RecorderProcess) -> None:
    recorder_process.environment = {
        "CALLREC_RECORDER__COMPOSE_WORKERS": "2",
        "CALLREC_RECORDER__KEEP_DELIVERED_S": "3600",
    }
    home = recorder_process.data / "recordings"
    composing = recorded(home, lab, "finishing", "20260301T140509-11111111")
    delivered = recorded(home, lab, "retained", "20260301T140509-22222222")
    (delivered.output / "Recording.mp4").write_bytes(b"delivered")
    (delivered.chunks / "made").mkdir()
    (delivered.chunks / "made" / "000000-320.mkv").write_bytes(b"delivered")
    half = composing.chunks / ".000000-320.mkv.17.tmp"
    half.write_bytes(b"half a chunk")

    await recorder_process.start()
    swept = (half, delivered.chunks, delivered.output)
    await until(lambda: not any(path.exists() for path in swept), 60)  # behind everything else
    assert delivered.timeline.exists() and delivered.track_numbers() == [0, 1, 2, 3]

    supervisor = min(recorder_process.children("callrec"))
    (control,) = children_of(supervisor)
    await until(lambda: bool(composers_with_helpers(control)), 60)
    old = descendants(control)
    os.kill(control, signal.SIGKILL)
    half.write_bytes(b"half a chunk")  # as the kill might have left
    await until(lambda: not any(lives(pid) for pid in old), GONE_WITHIN_S)
    await lab.wait(lambda: bool(lab.uploads), 90)
    await until(lambda: read_manifest(composing.manifest).state == "retained")
    assert not composing.chunks.exists()
    assert len(lab.uploads) == 1


def composers_with_helpers(control: int) -> list[int]:
    """Return the niced processes below control that have children."""
    return [
        pid
        for pid in descendants(control)
        if lives(pid) and os.getpriority(os.PRIO_PROCESS, pid) == 15 and children_of(pid)
    ]
