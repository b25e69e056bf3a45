"""What a recorder that was killed leaves: no process, no half of a file, nothing of what was delivered."""

import os
import signal

from callrec.recorder.folder.manifest import read_manifest
from tests.recorder.compose.processes import children_of, descendants, lives
from tests.recorder.conftest import RecorderProcess
from tests.recorder.lab import Lab
from tests.recorder.left_behind import recorded
from tests.waiting import until

GONE_WITHIN_S = 30
"""On a busy machine; alone it is some tens of milliseconds."""


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
