"""What gauges say of recordings."""

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from callrec import clock
from callrec.recorder.folder.manifest import ActorName, Anchor, Manifest
from callrec.recorder.lifecycle.counts import RecordingGauges

BACKEND = "https://talk.example"
NOW_S = 1_800_000_000.0
PLAIN = Manifest(
    recording_id="r1",
    backend=BACKEND,
    token="room1",
    video=True,
    owner="mira",
    actor=ActorName("users", "mira"),
    file_name="Recording.mp4",
    anchor=Anchor(NOW_S - 9000, 0, "boot"),
)
OLDEST = "callrec_recordings_undelivered_oldest_seconds"


def gauges(monkeypatch: pytest.MonkeyPatch, *manifests: Manifest) -> CollectorRegistry:
    monkeypatch.setattr(clock, "wall_s", lambda: NOW_S)
    registry = CollectorRegistry()
    RecordingGauges(lambda: list(manifests), [BACKEND], registry)
    return registry


def closed(**changes: object) -> Manifest:
    return msgspec.structs.replace(PLAIN, outcome="captured", **changes)


def test_what_is_parked_is_owed_and_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    parked = closed(state="parked", closed_at=NOW_S - 8000)
    uploading = closed(state="uploading", closed_at=NOW_S - 50)
    registry = gauges(monkeypatch, parked, uploading)
    assert registry.get_sample_value("callrec_recordings_undelivered", {"backend": BACKEND}) == 2
    assert registry.get_sample_value(OLDEST, {"backend": BACKEND}) == 50


def test_failed_attempts_stand_as_long_as_it_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    owed = [closed(state="uploading", closed_at=NOW_S, attempts=attempts) for attempts in (0, 17, 3)]
    registry = gauges(monkeypatch, *owed)
    for state, most in (("uploading", 17), ("finishing", 0)):
        labels = {"backend": BACKEND, "state": state}
        assert registry.get_sample_value("callrec_recordings_attempts", labels) == most
