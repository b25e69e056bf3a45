"""Each sender's sound belongs to its own picture, also when another one beeps at other moments."""

from dataclasses import replace
from pathlib import Path

from callrec.recorder.compose.worker import ComposeOptions, compose_once
from tests.recorder.compose.watching import beep_starts_ms, flash_starts_ms, picture_place, watch
from tests.recorder.synthetic import ANNA, BEN, Network, SyntheticRecording

STARTED_MS, STOP_MS = 560, 15_000
AV_OFFSET_MS = 40  # what people begin to notice
OUT_OF_STEP_MS = 300
"""So much later than the first one's flash and beep come the second one's: nobody else's beep is near."""


def test_a_second_sender_is_in_time_with_himself(tmp_path: Path) -> None:
    # Clocks hours apart that drift against each other; and pictures take longer than sound, which only each
    # sender's reports tell.
    people = [ANNA, replace(BEN, joins_ms=OUT_OF_STEP_MS, skew_ppm=200)]
    network = Network(picture_delay_ms=120)
    recording = SyntheticRecording(tmp_path, people, 15_500, STARTED_MS, STOP_MS, network=network)
    recording.write()
    recording.close()
    film = watch(compose_once(tmp_path, ComposeOptions(640, 360)))
    beeps = beep_starts_ms(film)
    steps = []
    for index, person in enumerate(people):
        flashes = flash_starts_ms(film, picture_place(film, person, index, 2))
        assert len(flashes) >= 13
        own = [min(beeps, key=lambda beep: abs(beep - flash)) for flash in flashes]
        assert max(abs(beep - flash) for beep, flash in zip(own, flashes, strict=True)) <= AV_OFFSET_MS
        steps.append(own)
    assert not set(steps[0]) & set(steps[1]), "each has beeps of his own"
