"""A recording whose manifest cannot be read: an operator sees, keeps or deletes it; nobody else."""

import asyncio
import json
import sqlite3
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs
from typer.testing import CliRunner

from callrec.cli import recordings as command
from callrec.errors import OperatorRefused
from callrec.recorder.lifecycle.keeper import Keeper, KeepRules
from callrec.recorder.lifecycle.operator import Deleted
from callrec.recorder.lifecycle.webhooks import Webhooks
from callrec.settings import Webhook
from tests.recorder.folder.samples import MANIFEST
from tests.recorder.operator.folders import Parts, make_folder

ID = "20260922T120000-00000001"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    paths = make_folder(tmp_path / "recordings", ID, "uploading")
    paths.manifest.write_text("{")
    paths.upload.write_text('{"link_password":"secret"}')
    make_folder(tmp_path / "recordings", "kept", "retained")
    return tmp_path / "recordings"


@pytest.fixture
async def parts(home: Path) -> AsyncIterator[Parts]:
    parts = Parts(home)
    yield parts
    await parts.close()


async def test_it_is_shown_with_all_that_is_known(parts: Parts, home: Path) -> None:
    entry = (await parts.operator.list())[0]
    assert (entry.id, entry.state, entry.may) == (ID, "damaged", ["delete"])
    assert entry.error is not None and entry.error.startswith("manifest.json: ")
    assert entry.folder_bytes is not None and entry.folder_bytes > 1000
    details = await parts.operator.show(ID)
    assert (details.recording, details.manifest, details.folder) == (entry, None, str(home / ID))
    assert list(details.output) == [MANIFEST.file_name]


async def test_what_needs_its_manifest_is_refused(parts: Parts) -> None:
    for attempt in (parts.operator.retry(ID), parts.operator.park(ID)):
        with pytest.raises(OperatorRefused, match=r"damaged: .*manifest\.json"):
            await attempt
    with pytest.raises(OperatorRefused, match="damaged: "):
        parts.operator.film(ID)


async def test_an_operator_deletes_it_and_only_it(parts: Parts, home: Path) -> None:
    with capture_logs() as logs:
        assert await parts.operator.delete(ID) == Deleted(None)
    assert [line["event"] for line in logs] == ["operator_deleted"]
    assert [path.name for path in home.iterdir()] == ["kept"]
    assert [entry.id for entry in await parts.operator.list()] == ["kept"]
    with pytest.raises(OperatorRefused, match="no_such_recording"):
        await parts.operator.delete(ID)


async def test_what_a_link_leads_to_is_not_ours(tmp_path: Path) -> None:
    make_folder(tmp_path, "elsewhere", "retained")
    (tmp_path / "recordings").mkdir()
    (tmp_path / "recordings" / ID).symlink_to(tmp_path / "elsewhere")
    parts = Parts(tmp_path / "recordings")
    assert await parts.operator.delete(ID) == Deleted(None)
    assert list((tmp_path / "recordings").iterdir()) == []
    assert (tmp_path / "elsewhere" / "manifest.json").exists()
    await parts.close()


async def test_a_disk_that_refuses_leaves_it_known(
    parts: Parts, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(OperatorRefused, match="disk_failed: Read-only"):
        await parts.operator.delete(ID)
    assert (await parts.operator.list())[0].state == "damaged" and (home / ID).exists()


async def test_retention_never_takes_it(parts: Parts, home: Path) -> None:
    rules = KeepRules(delivered_s=0, failed_s=0, delivered_bytes=0, min_free_bytes=1 << 60)
    await Keeper(parts.recordings, parts.sizes, rules, lambda _root: 0).look()
    assert [path.name for path in home.iterdir()] == [ID]


async def test_webhooks_hear_of_its_end_and_of_no_loss_before(parts: Parts, tmp_path: Path) -> None:
    file = tmp_path / "webhooks.sqlite"
    hook = Webhook.model_validate({"url": "http://127.0.0.1:9/hook", "secret": "s" * 32})
    first = Webhooks(parts.recordings, [hook], file, CollectorRegistry())
    first._queue.begin_with({ID: "uploading"})  # told when it could be read
    with capture_logs() as logs:
        running = asyncio.create_task(first.run())
        await asyncio.sleep(0)
        await parts.operator.delete(ID)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert "recording_missing" not in [line["event"] for line in logs]
    with sqlite3.connect(file) as queue:
        told = [json.loads(body) for (body,) in queue.execute("SELECT body FROM events")]
    queue.close()
    assert [(event["recording"], event["state"], event["before"]) for event in told] == [
        (ID, "removed", "uploading")
    ]


def test_by_command_it_is_seen_and_taken_away_as_it_is(home: Path, tmp_path: Path) -> None:
    def run(*arguments: str) -> str:
        said = CliRunner().invoke(command.app, [*arguments, "--data", str(tmp_path)])
        assert said.exit_code == 0, said.output
        return said.stdout

    listed = json.loads(run("list", "--state", "damaged", "--output", "json"))
    assert [(one["id"], one["may"]) for one in listed] == [(ID, ["delete"])]
    shown = run("show", ID)
    assert "state         damaged" in shown and str(home / ID) in shown.replace("\n", "")
    run("export", ID, str(tmp_path / "kept.tar"), "--folder")
    with tarfile.open(tmp_path / "kept.tar") as archive:
        names = archive.getnames()
    assert {f"{ID}/manifest.json", f"{ID}/tracks/0/0.rtpdump"} <= set(names)
    assert f"{ID}/upload.json" not in names, "it holds a password"
    said = CliRunner().invoke(command.app, ["export", ID, str(tmp_path), "--data", str(tmp_path)])
    assert isinstance(said.exception, OperatorRefused) and said.exception.word == "damaged"
