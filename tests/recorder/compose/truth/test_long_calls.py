"""Ten minutes: clocks run apart by a quarter of a second, sequence numbers wrap, and nothing moves."""

from dataclasses import replace
from pathlib import Path

import pytest

from callrec.recorder.compose.worker import ComposeOptions, compose_once
from tests.recorder.compose.truth.calls import ASTRID, BOB, truth_of, write
from tests.recorder.compose.truth.judging import grid, judge
from tests.recorder.compose.watching import watch
from tests.recorder.synthetic import Network, every

TINY = ComposeOptions(320, 180)
TEN_MINUTES_MS = 600_000


@pytest.mark.parametrize("started_ms", [588_000, pytest.param(500, marks=pytest.mark.large)])
def test_ten_minutes(tmp_path: Path, started_ms: int) -> None:
    """Seen whole, or only the end: what was before the film began counts for the clocks all the same."""
    small = (160, 120)
    astrid = replace(ASTRID, size_px=small, skew_ppm=200, first_sequence=60_000)
    bob = replace(BOB, size_px=small, skew_ppm=-200, joins_ms=300, first_timestamp=(1 << 32) - 9_000_000)
    network = Network(every(20), retransmitted_after_ms=700, reorder_every=7, picture_delay_ms=120)
    recording = write(tmp_path, [astrid, bob], TEN_MINUTES_MS, started_ms=started_ms, network=network)
    film = watch(compose_once(tmp_path, TINY))
    assert judge(film, truth_of(recording, grid(started_ms, TEN_MINUTES_MS, astrid, bob))) == []
