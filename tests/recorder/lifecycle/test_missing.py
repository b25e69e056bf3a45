"""Recordings that are owed and lie nowhere are missed, with and without webhooks."""

import shutil
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from structlog.testing import capture_logs

from callrec.recorder.lifecycle.missing import Missing
from callrec.recorder.lifecycle.recordings import Recordings
from callrec.settings import BackendSettings
from callrec.wire.recording import Actor, Start

BACKEND = BackendSettings(url="https://talk.example", secret=SecretStr("secret"))
START = Start(2, "mira", Actor("users", "mira"))


class Recorder:
    def __init__(self, data: Path) -> None:
        self.recordings = Recordings(data / "recordings")
        self.registry = CollectorRegistry()
        self.missing = Missing(data / "owed", self.recordings, lambda: [Path("/mnt")], self.registry)

    def begin(self) -> str:
        return self.recordings.create(BACKEND, f"room{len(self.recordings.ids())}", START).recording_id

    def gauge(self, name: str) -> float | None:
        return self.registry.get_sample_value(name)


@pytest.fixture
def recorder(tmp_path: Path) -> Recorder:
    return Recorder(tmp_path)


def test_what_is_gone_at_the_start_is_missed_until_it_is_back(tmp_path: Path, recorder: Recorder) -> None:
    lost, damaged, there = (recorder.begin() for _ in range(3))
    home = tmp_path / "recordings"
    (home / lost).rename(tmp_path / "away")
    (home / damaged / "manifest.json").write_bytes(b"{")
    for _ in range(2):
        with capture_logs() as logs:
            again = Recorder(tmp_path)
        assert [line["recording"] for line in logs if line["event"] == "recording_missing"] == [lost]
        assert again.gauge("callrec_recordings_missing") == 1
        assert again.gauge("callrec_recordings_homes_away") == 1
        assert again.recordings.ids() == [there]
    (tmp_path / "away").rename(home / lost)
    assert Recorder(tmp_path).missing.ids() == set()


def test_what_goes_meanwhile_is_missed(tmp_path: Path, recorder: Recorder) -> None:
    lost = recorder.begin()
    assert recorder.missing.ids() == set()
    shutil.rmtree(tmp_path / "recordings" / lost)
    assert recorder.missing.ids() == {lost}
    recorder.recordings.remove(lost)
    assert recorder.missing.ids() == set()


def test_what_nobody_is_owed_is_not_missed(tmp_path: Path, recorder: Recorder) -> None:
    delivered, removed, cut_short, unread = (recorder.begin() for _ in range(4))
    for state in ("reporting", "finishing", "uploading", "delivered", "retained"):
        recorder.recordings.update(delivered, state=state)
    recorder.recordings.remove(removed)
    home = tmp_path / "recordings"
    (home / cut_short).rename(home / f".removed-{cut_short}")  # as a crash leaves it
    (home / unread / "manifest.json").write_bytes(b"{")
    again = Recorder(tmp_path)
    again.recordings.remove_damaged(again.recordings.damaged()[0])
    shutil.rmtree(home / delivered)
    assert again.missing.ids() == Recorder(tmp_path).missing.ids() == set()
    assert list((tmp_path / "owed").iterdir()) == []


def test_a_note_that_cannot_be_made_holds_nothing_up(tmp_path: Path) -> None:
    (tmp_path / "owed").write_text("not a directory")
    with capture_logs() as logs:
        recorder = Recorder(tmp_path)
        recording_id = recorder.begin()
        assert recorder.missing.ids() == set()
        assert recorder.recordings.remove(recording_id)
    events = [line["event"] for line in logs]
    assert "recording_not_noted" in events and "recording_notes_not_read" in events
