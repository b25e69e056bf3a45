"""Films of whole calls: every scene, every picture's time, sound with pictures, and the length."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.recorder.compose.truth.calls import ASTRID, BOB, CIA, film_of, truth_of, write
from tests.recorder.compose.truth.judging import Look, Stage, grid, judge
from tests.recorder.sending import Screen
from tests.recorder.synthetic import Network, every

LOSSY = Network(every(20), retransmitted_after_ms=700, reorder_every=7, picture_delay_ms=120)
"""5 % loss, and pictures that take longer than sound: only sender reports tell."""


def test_coming_going_resizing_and_sharing_on_a_bad_line(tmp_path: Path) -> None:
    astrid = replace(ASTRID, skew_ppm=200, resizes=(8000, (160, 120)))
    bob = replace(BOB, joins_ms=4300, screen=Screen(11_000, 16_000), skew_ppm=-200)
    cia = replace(CIA, joins_ms=600, leaves_ms=8700)
    recording = write(tmp_path, [astrid, bob, cia], 19_500, started_ms=1000, stop_ms=19_000, network=LOSSY)
    truth = truth_of(
        recording,
        grid(1000, 4300, astrid, cia),
        # Who connects is seen from joining on; pictures come with the first packet.
        grid(4600, 8700, astrid, cia, bob),
        grid(8700, 11_000, astrid, bob),
        Stage(11_100, 16_000, (Look(bob, screen=True),), (Look(astrid), Look(bob)), "screen"),
        grid(16_000, 19_000, astrid, bob),
    )
    assert judge(film_of(recording), truth) == []


def test_counters_that_wrap_pauses_and_a_stream_that_begins_anew(tmp_path: Path) -> None:
    wrapping = replace(ASTRID, first_sequence=65_400, first_timestamp=(1 << 32) - 400_000)
    muted = replace(BOB, mutes_ms=(6000, 9000), joins_ms=300)
    anew = replace(CIA, restarts_ms=6600, joins_ms=600)  # at a keyframe
    people = [wrapping, muted, anew]
    recording = write(tmp_path, people, 14_500, started_ms=1300, stop_ms=14_000)
    assert judge(film_of(recording), truth_of(recording, grid(1300, 14_000, *people))) == []


@pytest.mark.parametrize("codec", ["h264", "vp9", "av1"])
def test_each_codec(tmp_path: Path, codec: str) -> None:
    person = replace(ASTRID, codec=codec, first_timestamp=(1 << 32) - 300_000, skew_ppm=200)
    recording = write(tmp_path, [person], 6000, started_ms=500, network=LOSSY)
    assert judge(film_of(recording), truth_of(recording, grid(500, 6000, person))) == []


def test_a_laptop_that_sleeps_and_clocks_that_are_set(tmp_path: Path) -> None:
    # One's clocks stand still while asleep, but for NTP; the other's NTP is set, and that of nothing else.
    asleep = (5000, 9000)
    sleeper = replace(ASTRID, sleeps_ms=asleep, ntp_is_set=(9000, 4.0))
    other = replace(BOB, joins_ms=300, ntp_is_set=(7000, 2.5))
    network = Network(picture_delay_ms=60)
    recording = write(tmp_path, [sleeper, other], 15_500, started_ms=1000, stop_ms=15_000, network=network)
    film = film_of(recording)
    before = truth_of(recording, grid(1000, 5000, sleeper, other), grid(9200, 15_000, sleeper, other))
    assert [fault for fault in judge(film, before) if not fault.startswith("silent: Astrid")] == []
