"""Capture processes, their signs of life and the stretches between them, by the timeline."""

from pathlib import Path

import pytest

from callrec.recorder.folder.check.findings import Findings
from callrec.recorder.folder.check.report import Stretch
from callrec.recorder.folder.check.timeline_check import TimelineCheck
from callrec.recorder.folder.timeline import Event, TimelineWriter

CAPTURE, CLOSED = Event(0, "capture", boot_id="a"), Event(60_000, "closed", cause="stopped")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "timeline.jsonl"


def check(path: Path, *events: Event) -> tuple[TimelineCheck, dict[str, int]]:
    writer = TimelineWriter(path)
    for event in events:
        writer.write(event)
    writer.close()
    findings = Findings()
    timeline = TimelineCheck(findings, closed=True)
    timeline.read(path)
    return timeline, dict(findings.counts)


def beats(*moments_ms: int) -> list[Event]:
    return [Event(ms, "heartbeat") for ms in moments_ms]


def test_a_process_that_lives_and_closes_is_whole(path: Path) -> None:
    timeline, counts = check(path, CAPTURE, *beats(10_000, 20_500, 34_000, 46_000), CLOSED)
    assert counts == {} and timeline.report.closed and timeline.report.last_ms == 60_000


def test_missing_heartbeats_are_counted(path: Path) -> None:
    timeline, counts = check(path, CAPTURE, *beats(10_000, 40_000, 50_000), CLOSED)
    assert timeline.report.heartbeats_missing == 2 and counts == {"heartbeat_missing": 1}


def test_heartbeats_may_be_missing_before_the_first_and_after_the_last(path: Path) -> None:
    timeline, _ = check(path, CAPTURE, CLOSED)
    assert timeline.report.heartbeats_missing == 5


def test_a_gap_is_told_as_capture_told_it(path: Path) -> None:
    again = Event(14_000, "capture", boot_id="a")
    events = [again, Event(14_000, "gap", from_ms=12_340), *beats(24_000), Event(30_000, "closed")]
    timeline, counts = check(path, CAPTURE, *beats(10_000), *events)
    assert timeline.report.gaps == [Stretch(12_340, 14_000)]
    assert counts == {"gap": 1, "capture_died": 1}
    assert timeline.report.heartbeats_missing == 0


def test_a_gap_that_nobody_told_is_seen(path: Path) -> None:
    events = [Event(14_000, "capture"), Event(14_500, "closed")]
    timeline, counts = check(path, CAPTURE, Event(9000, "closed", cause="control_gone"), *events)
    assert timeline.report.gaps == [Stretch(9000, 14_000)]
    assert counts == {"gap": 1}


def test_an_anchor_between_capture_and_gap_is_no_sign_of_an_untold_gap(path: Path) -> None:
    anchor = Event(14_000, "anchor", boot_id="b", monotonic_ns=5)
    events = [Event(14_000, "capture"), anchor, Event(14_000, "gap", from_ms=9100), Event(15_000, "closed")]
    timeline, _ = check(path, CAPTURE, Event(9000, "closed"), *events)
    assert timeline.report.gaps == [Stretch(9100, 14_000)]


def test_a_process_that_never_closed_is_told_by_the_whole_check(path: Path) -> None:
    timeline, _ = check(path, CAPTURE, *beats(10_000))
    assert not timeline.report.closed


def test_presence_ends_with_the_process_that_saw_it(path: Path) -> None:
    events = [
        Event(100, "joined", participant="users/mira", name="Mira"),
        Event(200, "joined", participant="users/ole", name="Ole"),
        Event(300, "left", participant="users/ole"),
        Event(400, "name", participant="users/mira", name="Mira B."),
        Event(14_000, "capture"),
        Event(14_000, "gap", from_ms=5000),
        Event(14_200, "joined", participant="users/mira", name="Mira B."),
        Event(20_000, "closed"),
    ]
    mira, ole = check(path, CAPTURE, *events)[0].report.participants
    assert (mira.name, mira.present) == ("Mira B.", [Stretch(100, 400), Stretch(14_200, 20_000)])
    assert (ole.present, ole.present_ms) == ([Stretch(200, 300)], 100)
