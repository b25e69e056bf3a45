"""Whole recording folders to be checked, and what a report says of them."""

from dataclasses import replace
from pathlib import Path

from callrec.recorder.folder.check.report import Report
from callrec.recorder.folder.timeline import Event
from tests.recorder.sending import Person
from tests.recorder.synthetic import ANNA, CEM, Network, SyntheticRecording

LIFE = [Event(0, "capture", boot_id="b"), Event(4100, "closed", cause="stopped")]
DURATION_MS = 4000
ANNE = replace(ANNA, joins_ms=100)
CEMAL = replace(CEM, joins_ms=200, leaves_ms=3000)


def record(root: Path, *people: Person, network: Network | None = None) -> SyntheticRecording:
    recording = SyntheticRecording(
        root, list(people) or [ANNE], DURATION_MS, events=LIFE, network=network or Network()
    )
    recording.write()
    recording.close()
    return recording


def codes(report: Report) -> list[tuple[str, str]]:
    return [(finding.code, finding.where) for finding in report.findings]


def append(path: Path, content: bytes) -> None:
    with path.open("ab") as file:
        file.write(content)
