"""The same chunks in another container."""

from pathlib import Path

import av
import msgspec

from callrec.recorder.compose.film import composed_ms
from callrec.recorder.compose.worker import ComposeOptions, compose_once
from callrec.recorder.folder.manifest import write_manifest
from tests.recorder.compose.watching import beep_starts_ms, flash_starts_ms, picture_place, watch
from tests.recorder.synthetic import ANNA, SyntheticRecording

SMALL = ComposeOptions(640, 360)
AV_OFFSET_MS = 40


def test_a_matroska_film_is_as_good(tmp_path: Path) -> None:
    recording = SyntheticRecording(tmp_path, [ANNA], 15_500, started_ms=560, stop_ms=15_000)
    recording.write()
    recording.close()
    write_manifest(
        recording.paths.manifest, msgspec.structs.replace(recording.manifest, file_name="Film.mkv")
    )
    path = compose_once(tmp_path, SMALL)
    assert composed_ms(recording.paths.chunks, SMALL.fps) == 14_440
    with av.open(path) as container:
        assert container.format.name == "matroska,webm"
        assert container.metadata["title"] == "Film"
        assert container.duration is not None and abs(container.duration / 1000 - 14_440) <= 45
        assert [s.codec_context.name for s in container.streams.video] == ["h264"]
    film = watch(path)
    assert len(film.pictures) == 361
    beeps = beep_starts_ms(film)
    flashes = flash_starts_ms(film, picture_place(film, ANNA, 0, 1))
    assert len(flashes) >= 13
    assert all(min(abs(flash - beep) for beep in beeps) <= AV_OFFSET_MS for flash in flashes)
