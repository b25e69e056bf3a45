"""A workflow that DBOS ended because it could not write (its disk was full) is begun anew."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from dbos._sys_db import SystemDatabase
from sqlalchemy.exc import OperationalError

from callrec.recorder.deliver.errand import Errand
from callrec.recorder.deliver.retry import Backoff
from callrec.recorder.folder.manifest import Manifest
from callrec.recorder.lifecycle import dbos_workflows
from callrec.recorder.lifecycle.course import DONE, Attempt
from callrec.recorder.lifecycle.life import Life
from callrec.recorder.lifecycle.states import Gone
from callrec.recorder.lifecycle.workflow import Lifecycle
from tests.recorder.operator.folders import Parts, make_folder
from tests.waiting import until


class FullDisk:
    """Lets DBOS write nothing while ``is_full``; writing the manifest still works."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.is_full = False
        self.refusals = 0
        for name in (
            "record_operation_result",
            "update_workflow_outcome",
            "init_workflow",
            "cancel_workflows",
        ):
            monkeypatch.setattr(SystemDatabase, name, self._writing(getattr(SystemDatabase, name)))

    def _writing(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def write(*args: Any, **options: Any) -> Any:
            if self.is_full:
                self.refusals += 1
                raise OperationalError("INSERT", {}, Exception("database or disk is full"))
            return real(*args, **options)

        return write


class Work:
    """Its first attempt fills the disk."""

    def __init__(self, disk: FullDisk) -> None:
        self.attempts = 0
        self._disk = disk

    async def attempt(self, _manifest: Manifest, _errand: Errand) -> Attempt:
        self.attempts += 1
        if self.attempts == 1:
            self._disk.is_full = True
            return Attempt("later", "away")
        return DONE

    async def remove(self, recording_id: str, why: Gone) -> None:
        raise AssertionError(recording_id)


@pytest.mark.parametrize("new", [False, True], ids=["it was running", "it was to begin"])
async def test_it_goes_on_when_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, new: bool
) -> None:
    monkeypatch.setattr(dbos_workflows, "RETRY_WRITING_S", 0.1)
    make_folder(tmp_path / "recordings", "one", "uploading")
    parts, disk = Parts(tmp_path / "recordings"), FullDisk(monkeypatch)
    work = Work(disk)
    life = parts.life(Life, work, Backoff(0.01, 0.01, 1e9))
    lifecycle = Lifecycle(database=tmp_path / "workflows.sqlite", recordings=parts.recordings, life=life)
    disk.is_full = new
    work.attempts = int(new)
    await lifecycle.launch()
    try:
        workflows = lifecycle._workflows
        assert workflows is not None
        await until(lambda: workflows._mending)
        refusals = disk.refusals
        await until(lambda: disk.refusals >= refusals + 3)  # attempts at mending it
        assert workflows._mending and parts.manifest("one").state == "uploading"
        disk.is_full = False
        await until(lambda: parts.manifest("one").state == "retained" and not workflows._mending)
        assert work.attempts == 3  # the one that filled the disk, the upload, clearing up
    finally:
        await lifecycle.close()
        await parts.close()
