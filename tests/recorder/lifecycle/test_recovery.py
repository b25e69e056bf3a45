"""A recorder that starts again is back in its calls before it does anything else, and has loaded little."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest

from callrec.recorder.lifecycle.captures import Captures
from callrec.recorder.lifecycle.dbos_workflows import Workflows
from callrec.recorder.lifecycle.life import Life
from callrec.recorder.lifecycle.recordings import Recordings
from callrec.recorder.lifecycle.recovery import Recovery
from callrec.recorder.lifecycle.sweep import sweep_all
from callrec.recorder.lifecycle.workflow import Lifecycle
from tests.recorder.operator.folders import make_folder

MEDIA = {"aiortc", "av", "numpy", "PIL"}
DURABLE = {"dbos", "sqlalchemy"}
ALL_ELSE = {"pydantic", "uvicorn", "structlog", "httpx"}


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("callrec.app.recorder_program", MEDIA | DURABLE | ALL_ELSE),
        ("callrec.recorder.build", MEDIA | DURABLE),
        ("callrec.recorder.call.process", DURABLE | {"PIL", "numpy", "pydantic", "prometheus_client"}),
    ],
    ids=["the process begins", "control", "a capture process"],
)
def test_what_is_not_needed_to_be_back_in_a_call_is_not_loaded(module: str, heavy: set[str]) -> None:
    names = f"import sys, {module}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", names], capture_output=True, text=True, check=True)
    assert module in loaded.stdout.split()
    assert not heavy & set(loaded.stdout.split())


class NotedCalls:
    def __init__(self) -> None:
        self.joined = asyncio.Event()

    async def all(self, _timeout_s: float) -> None:
        await self.joined.wait()


class NotedCaptures:
    """Notes what is begun; is in its calls when the test says so."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.in_calls = NotedCalls()

    def begin(self, recording_id: str) -> None:
        self.begun.append(recording_id)


class NotedLifecycle:
    def __init__(self) -> None:
        self.launched = False

    async def launch(self) -> None:
        self.launched = True


async def test_first_the_calls_then_clearing_up_then_workflows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = make_folder(tmp_path, "live", "capturing")
    kept = make_folder(tmp_path, "kept", "retained")
    for paths in (live, kept):
        paths.root.joinpath(".manifest.json.1.tmp").write_bytes(b"half")
    captures, lifecycle = NotedCaptures(), NotedLifecycle()
    seen: list[tuple[list[str], bool]] = []

    def sweep(recordings: Any, manifests: Any) -> None:
        seen.append(([m.recording_id for m in manifests], lifecycle.launched))
        sweep_all(recordings, manifests)

    monkeypatch.setattr(f"{Recovery.__module__}.sweep_all", sweep)
    recovery = Recovery(Recordings(tmp_path), cast(Captures, captures), cast(Lifecycle, lifecycle))
    assert captures.begun == ["live"] and seen == [(["live"], False)]
    assert not list(live.root.glob("*.tmp")) and list(kept.root.glob(".*.tmp"))
    running = asyncio.create_task(recovery.run())
    await asyncio.sleep(0)
    assert len(seen) == 1 and not lifecycle.launched
    captures.in_calls.joined.set()
    await running
    assert seen[1:] == [(["kept"], False)] and lifecycle.launched
    assert not list(kept.root.glob(".*.tmp"))


async def test_what_begins_before_there_are_workflows_is_not_held_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And workflows that cannot be launched, as the disk is full, are launched later."""
    monkeypatch.setattr("callrec.recorder.lifecycle.workflow.RETRY_WRITING_S", 0.01)
    make_folder(tmp_path, "one", "uploading")
    failures = [OSError("the disk is full")]
    begun: list[str] = []

    class FewWorkflows:
        def __init__(self, **_parts: Any) -> None:
            if failures:
                raise failures.pop()

        async def begin(self, recording_id: str) -> None:
            begun.append(recording_id)

        def tend(self) -> None:
            """There is nothing to be forgotten."""

        async def close(self) -> None:
            begun.append("closed")

    monkeypatch.setattr(f"{Workflows.__module__}.Workflows", FewWorkflows)
    meanwhile: list[str] = []
    lifecycle = Lifecycle(
        database=tmp_path / "workflows.sqlite",
        recordings=Recordings(tmp_path),
        life=cast(Life, None),
        meanwhile=meanwhile.append,
    )
    await lifecycle.begin("new")
    assert meanwhile == ["new"] and begun == []
    await lifecycle.launch()
    await lifecycle.begin("newer")
    await lifecycle.close()
    assert begun == ["one", "newer", "closed"] and failures == []
