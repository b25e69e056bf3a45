"""A recorder that stands still in the middle of an upload, and wakes when another one has delivered."""

import asyncio
import os
import signal
import time
from pathlib import Path

import msgspec
import pytest

from callrec.recorder.folder.manifest import write_manifest
from callrec.recorder.pool import configured
from tests.recorder.lab import TOKEN, Lab
from tests.recorder.synthetic import ANNA, SyntheticRecording

from .conftest import Pool
from .test_pool import folders, until

MUCH_BYTES = 48 << 20
"""More than what the kernel holds of a connection: it would send that for a process that stands still."""
NAME = "Recording 2026-03-01 14-05-09.ogg"
ID = "20260301T140509-0123abcd"


def uploading(home: Path, backend: str) -> str:
    """Write a recording whose large film is there already; what it is made of makes a small one."""
    recording = SyntheticRecording(home / ID, [ANNA], 3000, video=False)
    recording.write()
    recording.close()
    manifest = msgspec.structs.replace(
        recording.manifest,
        recording_id=ID,
        backend=backend,
        token=TOKEN,
        owner="mira",
        file_name=NAME,
        outcome="captured",
        state="uploading",
        acknowledged_at=time.time(),
        end_reported=True,
        sequence=1,
    )
    write_manifest(recording.paths.manifest, manifest)
    recording.paths.film(NAME).write_bytes(os.urandom(MUCH_BYTES))
    return ID


@pytest.mark.parametrize("by_link", [False, True])
async def test_it_does_not_send_the_rest(pool: Pool, lab: Lab, tmp_path: Path, by_link: bool) -> None:
    lab.links.offered = by_link
    lab.slow_bodies = 1
    recording_id = uploading(tmp_path / "recorder0" / "recordings", lab.url)
    one = await pool.add(CALLREC_RECORDER__UPLOAD_CHUNK_BYTES=str(MUCH_BYTES))
    await asyncio.wait_for(lab.store_begun.wait(), 60)
    mirror = configured.mirror(pool.settings)
    async with asyncio.timeout(60):
        while not await mirror.has_copy(recording_id):
            await asyncio.sleep(0.05)
    two = await pool.add()
    one.signal_everything(signal.SIGSTOP)
    await lab.wait(lambda: len(lab.uploads) == 1, 60)
    assert lab.uploads[0].path.stat().st_size < MUCH_BYTES
    one.signal_everything(signal.SIGCONT)
    lab.read_on.set()
    await lab.wait(lambda: lab.broken_off == 1 or len(lab.uploads) > 1)
    await until(lambda: not folders(one) and not folders(two))
    assert [upload.file_name for upload in lab.uploads] == [NAME]
    assert lab.links.given == (2 if by_link else 0)
