"""A disk that is really full, at any step: what was promised is kept, and goes on when there is room."""

import asyncio
import errno
import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from callrec.recorder.folder.manifest import read_manifest
from callrec.wire.recording import Started, Stopped
from tests.recorder.compose.processes import children_of, lives
from tests.recorder.conftest import RecorderProcess
from tests.recorder.lab import TOKEN, Control, Lab
from tests.recorder.left_behind import STARTED_MS, STOP_MS, recorded
from tests.recorder.publisher import Publisher
from tests.recorder.story import MIRA, VIDEO, call_lasts, duration_s, recorded_call
from tests.waiting import until

SIZE = "48m"
"""DBOS and a minute of a call take some 10."""


@dataclass
class SmallDisk:
    """A file system of its own."""

    root: Path

    @property
    def _ballast(self) -> Path:
        return self.root / "ballast"

    def fill(self) -> None:
        """Take all the room there is."""
        for step in (1 << 20, 4096, 1):
            with self._ballast.open("ab", buffering=0) as file:
                try:
                    while True:
                        file.write(bytes(step))
                except OSError as error:
                    assert error.errno == errno.ENOSPC

    def make_room(self) -> None:
        """Give it back."""
        self._ballast.unlink()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """A small tmpfs. Only root may mount one."""
    if os.geteuid() != 0:
        pytest.skip("a file system can be mounted by root only")
    root = tmp_path / "disk"
    root.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(root)],
        capture_output=True,
        check=False,
        text=True,
    )
    if mounted.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    try:
        yield SmallDisk(root)
    finally:
        subprocess.run(["umount", "--lazy", str(root)], check=True)


@pytest.fixture
def recorder(disk: SmallDisk, lab: Lab, tmp_path: Path) -> Iterator[RecorderProcess]:
    """A recorder on the small disk; its log lies elsewhere."""
    recorder = RecorderProcess(disk.root / "recorder", lab.url)
    recorder.log = tmp_path / "log.txt"
    recorder.environment = {
        "CALLREC_RECORDER__MIN_FREE_BYTES": "0",
        "CALLREC_RECORDER__KEEP_DELIVERED_S": "3600",
    }
    yield recorder
    recorder.close()
    print(recorder.log.read_text())


def logged(recorder: RecorderProcess, words: str) -> int:
    return recorder.log.read_text().count(words)


def control_of(recorder: RecorderProcess) -> int:
    """Return the pid of control."""
    (control,) = children_of(min(recorder.children("callrec")))
    return control


async def test_during_capture(disk: SmallDisk, lab: Lab, recorder: RecorderProcess) -> None:
    await recorder.start()
    control = Control(recorder.url, lab.url)
    pid = control_of(recorder)
    async with recorded_call(lab, control, VIDEO) as mira:
        await call_lasts(mira, 4)
        disk.fill()
        refused = await control.send(VIDEO, "otherroom")
        assert (refused.status_code, list(refused.json())) == (503, ["error"])
        await until(lambda: logged(recorder, "capture_closed") > 0, 60)
    assert lives(pid), "control survives"
    disk.make_room()
    await lab.wait(lambda: bool(lab.uploads), 90)
    assert lab.reports == [Started(TOKEN, 1, MIRA), Stopped(TOKEN)]
    assert duration_s(lab.uploads[0].path) > 3.5
    (folder,) = (recorder.data / "recordings").glob("[!.]*")
    await until(lambda: read_manifest(folder / "manifest.json").state == "retained")
    assert read_manifest(folder / "manifest.json").cause in ("disk_failed", "disk_low")
    assert len(lab.uploads) == 1
    assert lives(pid)
    # What was refused must not begin now; a new start does.
    async with Publisher(lab, "mira", 200, 440):
        assert (await control.send(VIDEO)).status_code == 200
        await lab.wait(lambda: len(lab.reports) == 3)


async def test_during_composition(disk: SmallDisk, lab: Lab, recorder: RecorderProcess) -> None:
    paths = recorded(recorder.data / "recordings", lab, "finishing", "20260301T140509-11111111")
    await recorder.start()
    pid = control_of(recorder)
    await until(lambda: any(paths.chunks.rglob("000000-*.mkv")), 60)
    disk.fill()
    await until(lambda: logged(recorder, "compose_ended") > 0, 60)
    assert lab.uploads == []
    assert not list(paths.chunks.rglob(".*.tmp")), "what could not be written takes no room"
    assert lives(pid)
    disk.make_room()
    await lab.wait(lambda: bool(lab.uploads), 90)
    assert abs(duration_s(lab.uploads[0].path) - (STOP_MS - STARTED_MS) / 1000) < 0.1
    await until(lambda: read_manifest(paths.manifest).state == "retained")
    assert len(lab.uploads) == 1
    assert lives(pid)


async def test_during_the_upload(disk: SmallDisk, lab: Lab, recorder: RecorderProcess) -> None:
    paths = recorded(recorder.data / "recordings", lab, "uploading", "20260301T140509-11111111")
    content = os.urandom(200_000)
    (paths.output / read_manifest(paths.manifest).file_name).write_bytes(content)
    lab.hold_store = asyncio.Event()
    await recorder.start()
    pid = control_of(recorder)
    await asyncio.wait_for(lab.store_begun.wait(), 60)
    disk.fill()
    lab.hold_store.set()
    # The backend takes it, but that cannot be written down: it is sent again, and recognised there.
    await until(lambda: logged(recorder, "upload_acknowledged") > 0)
    await until(lambda: logged(recorder, "recording_stage_raised") > 0)
    assert read_manifest(paths.manifest).state == "uploading"
    assert lives(pid)
    disk.make_room()
    await until(lambda: read_manifest(paths.manifest).state == "retained", 60)
    assert {(upload.file_name, upload.path.read_bytes()) for upload in lab.uploads} == {
        (read_manifest(paths.manifest).file_name, content)
    }
    assert lives(pid)


async def test_at_the_start(disk: SmallDisk, lab: Lab, recorder: RecorderProcess, tmp_path: Path) -> None:
    """It comes up, lets an operator make room, and then goes on."""
    recorder.environment["CALLREC_RECORDER__WEBHOOKS"] = json.dumps(
        [{"url": "http://127.0.0.1:9/", "secret": "s" * 32}]
    )
    recorded(recorder.data / "recordings", lab, "parked", "20260301T140509-11111111")
    await recorder.start()
    await until((recorder.data / "operator.json").exists)
    recorder.kill_everything()
    paths = recorded(recorder.data / "recordings", lab, "uploading", "20260301T140509-22222222")
    (paths.output / read_manifest(paths.manifest).file_name).write_bytes(os.urandom(200_000))
    disk.fill()
    await recorder.start()
    pid = control_of(recorder)
    said = json.loads((recorder.data / "operator.json").read_text())
    async with httpx.AsyncClient(
        base_url=said["url"], headers={"Authorization": f"Bearer {said['token']}"}
    ) as client:
        listed = (await client.get("/operator/api/recordings")).json()["recordings"]
        assert len(listed) == 2
        answer = await client.delete("/operator/api/recordings/20260301T140509-11111111")
        assert answer.status_code == 200, answer.text
    assert not (recorder.data / "recordings" / "20260301T140509-11111111").exists()
    disk.make_room()
    await lab.wait(lambda: bool(lab.uploads), 90)
    await until(lambda: read_manifest(paths.manifest).state == "retained")
    assert lives(pid)
    assert "webhook_queue_damaged" not in recorder.log.read_text()
