"""Films of people whose browsers send other codecs than VP8, or repeat their sound."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from callrec.recorder.compose.ingest import Ingest
from callrec.recorder.folder.reader import FolderReader
from tests.recorder.compose.synthetic_films import assert_in_sync, codes, make, wanted_codes
from tests.recorder.compose.watching import colour_at, picture_place
from tests.recorder.synthetic import ANNA, BEN, CEM, Network, every


def test_cameras_of_all_codecs_are_in_the_film(tmp_path: Path) -> None:
    people = [replace(ANNA, codec="h264"), replace(BEN, codec="vp9"), replace(CEM, codec="av1")]
    lossy = Network(every(20), retransmitted_after_ms=400, reorder_every=7)
    film = make(tmp_path, people, network=lossy).film
    for index, person in enumerate(people):
        shown = codes(film, person, index, 3)
        assert shown == pytest.approx(wanted_codes(film, person), abs=1)
        assert set(np.diff(shown)) == {1}  # across the joint of the chunks, too
        place = picture_place(film, person, index, 3)
        assert colour_at(film, 100, place) == pytest.approx(person.colour, abs=4)
        assert_in_sync(film, person, index, 3)


def test_what_never_came_is_bridged_in_all_codecs(tmp_path: Path) -> None:
    people = [replace(ANNA, codec="h264"), replace(BEN, codec="vp9"), replace(CEM, codec="av1")]
    film = make(tmp_path, people, network=Network(every(120), retransmitted_after_ms=None)).film
    for index, person in enumerate(people):
        shown, wanted = codes(film, person, index, 3), wanted_codes(film, person)
        assert all(-1 <= w - s <= 51 for s, w in zip(shown, wanted, strict=True))
        assert min(np.diff(shown)) == 0
        assert sum(abs(s - w) <= 1 for s, w in zip(shown, wanted, strict=True)) > len(shown) // 4


@pytest.mark.parametrize(("first", "then"), [("vp8", "h264"), ("vp9", "av1"), ("av1", "vp8")])
def test_a_camera_that_changes_its_codec_goes_on(tmp_path: Path, first: str, then: str) -> None:
    person = replace(ANNA, codec=first, changes_codec=(6000, then))
    film = make(tmp_path, [person], network=Network(every(30))).film
    shown = codes(film, person, 0, 1)
    assert shown == pytest.approx(wanted_codes(film, person), abs=1)
    assert set(np.diff(shown)) == {1}


@pytest.mark.parametrize("redundant", [True, False])
def test_redundant_sound_makes_up_for_its_losses(tmp_path: Path, redundant: bool) -> None:
    person = replace(ANNA, redundant_sound=redundant)
    recording, film = make(tmp_path, [person], network=Network(every(20)))
    assert_in_sync(film, ANNA, 0, 1)
    ingest = Ingest(FolderReader.at(recording.root), 0, video=False)
    ingest.advance(15_000)
    ((stream,),) = (track.streams for track in ingest.tracks.values())
    holes = [sound for sound in stream.sounds if sound.follows_loss]
    starts = np.diff([sound.start for sound in stream.sounds])
    if redundant:
        assert holes == [] and starts == pytest.approx(960, abs=5)
    else:
        assert len(holes) == pytest.approx(len(stream.sounds) / 20, rel=0.1)
