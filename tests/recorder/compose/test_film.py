"""Films of synthetic recordings, decoded again: who is where, when, and what is heard."""

from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from callrec.errors import NothingToCompose
from callrec.recorder.compose.payload import OPUS_DELAY_MS
from callrec.recorder.compose.worker import compose_once
from callrec.recorder.folder.timeline import Event
from tests.recorder.compose.synthetic_films import (
    SMALL,
    STARTED_MS,
    STOP_MS,
    Made,
    assert_in_sync,
    codes,
    make,
    wanted_codes,
)
from tests.recorder.compose.watching import (
    beep_starts_ms,
    colour_at,
    distortion,
    level,
    picture_place,
    read_code,
    rgb_at,
    watch,
)
from tests.recorder.synthetic import (
    ANNA,
    BEN,
    CEM,
    DELAY_MS,
    Network,
    SyntheticRecording,
    every,
)

JOINT_PICTURE = 320


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Three people from beginning to end; one's counters wrap on the way."""
    wrapping = replace(BEN, first_sequence=65_400, first_timestamp=(1 << 32) - 200_000)
    return make(tmp_path_factory.mktemp("three"), [ANNA, wrapping, CEM])


@pytest.fixture(scope="module")
def lossy(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """5 % loss; video comes late, and later again, and things overtake each other."""
    network = Network(every(20), retransmitted_after_ms=700, reorder_every=7, picture_delay_ms=120)
    return make(tmp_path_factory.mktemp("lossy"), [ANNA, BEN], network=network)


def test_everyone_is_in_the_tile_of_their_place(three: Made) -> None:
    for index, person in enumerate([ANNA, BEN, CEM]):
        colour = colour_at(three.film, 100, picture_place(three.film, person, index, 3))
        assert colour == pytest.approx(person.colour, abs=4)


def test_every_picture_shows_the_frame_of_its_time(three: Made) -> None:
    for index, person in enumerate([ANNA, BEN, CEM]):
        shown = codes(three.film, person, index, 3)
        assert shown == pytest.approx(wanted_codes(three.film, person), abs=1)
        # None repeated, none missing, also where the chunks are joined.
        assert set(np.diff(shown)) == {1}


def test_the_film_is_as_long_as_the_recording(three: Made) -> None:
    film, wanted_ms = three.film, STOP_MS - STARTED_MS
    assert np.diff(film.times_ms) == pytest.approx(40)
    assert film.times_ms[0] == 0
    assert len(film.pictures) * 40 == pytest.approx(wanted_ms, abs=40)
    assert 0 <= len(film.sound) / 48 - wanted_ms <= 45


def test_a_film_is_at_most_a_picture_too_long(tmp_path: Path) -> None:
    for video, name in ((True, "Recording.mp4"), (False, "Recording.ogg")):
        recording = SyntheticRecording(tmp_path / name, [], 3000, started_ms=0, stop_ms=1961, video=video)
        recording.close()
        with av.open(compose_once(tmp_path / name, SMALL)) as container:
            assert container.duration is not None
            decoder_delay_ms = 0 if video else OPUS_DELAY_MS  # Ogg's duration counts it
            assert 1961 <= container.duration / 1000 - decoder_delay_ms <= 2001


def test_everyone_is_heard(three: Made) -> None:
    heard = [np.median(level(three.film.sound, person.tone_hz, 4800)) for person in (ANNA, BEN, CEM)]
    assert heard == pytest.approx([float(np.mean(heard))] * 3, rel=0.1)
    assert 0.05 < heard[0] <= 0.1  # sent with 0.1, and turned down because all beep at once


def test_sound_and_picture_are_together(three: Made) -> None:
    for index, person in enumerate([ANNA, BEN, CEM]):
        assert_in_sync(three.film, person, index, 3)


def test_sound_has_its_place_in_time(three: Made) -> None:
    beeps = beep_starts_ms(three.film)
    wanted = [1000 * n + DELAY_MS - STARTED_MS for n in range(1, 15)]
    assert beeps == pytest.approx(wanted, abs=4)


def test_loud_sums_do_not_clip(three: Made) -> None:
    # Three beeps of 0.4 and three tones of 0.1 would reach 1.5.
    assert 0.6 < np.abs(three.film.sound).max() < 0.89


def test_names_are_on_the_tiles(three: Made) -> None:
    tile = picture_place(three.film, ANNA, 0, 3)
    label = three.film.pictures[50][0][tile.y + tile.height - 28 : tile.y + tile.height - 4, : tile.x + 80]
    assert label.max() > 200
    assert label.min() < 60


def test_the_file_is_made_for_the_web(three: Made) -> None:
    path = three.recording.paths.output / "Recording.mp4"
    head = path.read_bytes()[:4096]
    assert b"moov" in head
    with av.open(path) as container:
        assert container.metadata["title"] == "Recording"
        assert [s.codec_context.name for s in container.streams.video] == ["h264"]
        assert [s.codec_context.name for s in container.streams.audio] == ["aac"]


def test_late_retransmissions_count(lossy: Made) -> None:
    for index, person in enumerate([ANNA, BEN]):
        shown = codes(lossy.film, person, index, 2)
        assert shown == pytest.approx(wanted_codes(lossy.film, person), abs=1)
        assert set(np.diff(shown)) == {1}
        assert_in_sync(lossy.film, person, index, 2)


def test_lost_sound_leaves_its_time(lossy: Made) -> None:
    assert len(lossy.film.sound) / 48 == pytest.approx(STOP_MS - STARTED_MS, abs=45)
    # Concealed: the tone goes on through the holes of 20 ms.
    assert np.quantile(level(lossy.film.sound, ANNA.tone_hz, 960), 0.02) > 0.03


def test_a_picture_that_never_came_is_bridged(tmp_path: Path) -> None:
    film = make(tmp_path, [ANNA], network=Network(every(120), retransmitted_after_ms=None)).film
    shown = codes(film, ANNA, 0, 1)
    wanted = wanted_codes(film, ANNA)
    # Only true frames are seen, never later than sent, and each loss is over with the next keyframe (2 s).
    assert all(-1 <= w - s <= 51 for s, w in zip(shown, wanted, strict=True))
    assert min(np.diff(shown)) == 0
    assert sum(abs(s - w) <= 1 for s, w in zip(shown, wanted, strict=True)) > len(shown) // 4


def test_people_come_and_go(tmp_path: Path) -> None:
    people = [replace(ANNA, leaves_ms=9000), replace(BEN, joins_ms=4000)]
    film = make(tmp_path, people).film

    def at(ms: int) -> int:
        return (ms - STARTED_MS) // 40

    anna_alone = picture_place(film, ANNA, 0, 1)
    assert colour_at(film, at(3900), anna_alone) == pytest.approx(ANNA.colour, abs=4)
    for index, person in enumerate(people):
        place = picture_place(film, person, index, 2)
        assert colour_at(film, at(6000), place) == pytest.approx(person.colour, abs=4)
    place = picture_place(film, BEN, 0, 1)
    assert colour_at(film, at(9100), place) == pytest.approx(BEN.colour, abs=4)
    assert read_code(film, at(12_000), place) == pytest.approx((12_000 - 4000 - DELAY_MS) / 40, abs=1)


def test_people_are_there_while_they_connect(tmp_path: Path) -> None:
    late = replace(BEN, connects_ms=2100)
    film = make(tmp_path, [ANNA, late]).film
    anna, ben = (picture_place(film, p, i, 2) for i, p in enumerate([ANNA, late]))
    assert colour_at(film, 0, anna) == pytest.approx(ANNA.colour, abs=4)
    first = (late.sends_ms + DELAY_MS - STARTED_MS) // 40
    early = 500 // 40
    assert colour_at(film, first - early - 1, ben) == pytest.approx((128, 128), abs=10)
    for number in range(first - early, first + 1):
        assert colour_at(film, number, ben) == pytest.approx(late.colour, abs=4)
        assert read_code(film, number, ben) <= 1
    assert read_code(film, first + 50, ben) == pytest.approx(50, abs=1)
    assert_in_sync(film, ANNA, 0, 2)


# Primaries, transfer, matrix; range and siting. The matrix is what counts, the range, and nothing else.
@pytest.mark.parametrize(
    ("told", "matrix", "full"),
    [
        (bytes([1, 1, 1, 0x20]), (0.2126, 0.7152, 0.0722), True),  # a canvas in Chromium
        (bytes([1, 1, 1, 0x15]), (0.2126, 0.7152, 0.0722), False),
        (bytes([6, 6, 6, 0x2A]), (0.299, 0.587, 0.114), True),
        (bytes([6, 6, 6, 0x10]), (0.299, 0.587, 0.114), False),
        (bytes([2, 2, 2, 0x00]), (0.299, 0.587, 0.114), False),  # unspecified, invalid
    ],
)
def test_colours_are_what_the_sender_says(
    tmp_path: Path, told: bytes, matrix: tuple[float, float, float], full: bool
) -> None:
    person = replace(ANNA, colour=(110, 150), colour_space=told)
    lossy = Network(every(9))  # retransmissions tell it too
    film = make(tmp_path, [person], stop_ms=5000, network=lossy).film
    red, green, blue = matrix
    y = 90 / 255 if full else (90 - 16) / 219
    u, v = ((chroma - 128) / (255 if full else 224) for chroma in person.colour)
    r, b = y + 2 * (1 - red) * v, y + 2 * (1 - blue) * u
    wanted = [255 * r, 255 * (y - red * r - blue * b) / green, 255 * b]
    place = picture_place(film, person, 0, 1)
    for number in (0, 60, 100):
        assert rgb_at(film, number, place) == pytest.approx(wanted, abs=4)


def test_a_camera_switched_off_shows_initials(tmp_path: Path) -> None:
    silent = replace(BEN, camera=False)
    events = [
        Event(5000, "muted", participant=ANNA.key, media="video"),
        Event(8000, "unmuted", participant=ANNA.key, media="video"),
    ]
    film = make(tmp_path, [ANNA, silent], events=events).film
    anna, ben = (picture_place(film, p, i, 2) for i, p in enumerate([ANNA, silent]))
    grey = pytest.approx((128, 128), abs=10)
    assert colour_at(film, 100, anna) == pytest.approx(ANNA.colour, abs=4)
    assert colour_at(film, (6000 - STARTED_MS) // 40, anna) == grey
    assert colour_at(film, (9000 - STARTED_MS) // 40, anna) == pytest.approx(ANNA.colour, abs=4)
    assert colour_at(film, 100, ben) == grey


@pytest.mark.parametrize("keeps_ssrc", [False, True])
def test_a_stream_that_begins_anew_goes_on(tmp_path: Path, keeps_ssrc: bool) -> None:
    person = replace(ANNA, restarts_ms=6000, keeps_ssrc=keeps_ssrc)  # 6 s: a keyframe of the clip
    film = make(tmp_path, [person]).film
    shown = codes(film, person, 0, 1)
    assert shown == pytest.approx(wanted_codes(film, person), abs=1)
    assert set(np.diff(shown)) <= {0, 1, 2}
    assert_in_sync(film, person, 0, 1)


def test_a_torn_tail_costs_only_itself(tmp_path: Path) -> None:
    recording = SyntheticRecording(tmp_path, [ANNA], 4000, started_ms=0, stop_ms=4000)
    recording.write()
    recording.close()
    for track in (0, 1):
        with recording.paths.segment(track, 0).open("ab") as file:
            file.write(b"\x04\xb0\x04\xa8\x00\x00\x10\x00half a packet")
    with recording.paths.timeline.open("ab") as file:
        file.write(b'{"ms": 3990, "type": "le')
    film = watch(compose_once(tmp_path, SMALL))
    assert len(film.pictures) == 100
    assert codes(film, ANNA, 0, 1)[-1] == pytest.approx(98, abs=2)


def test_a_tone_has_no_seam_at_the_joint(tmp_path: Path) -> None:
    for video, name in ((True, "Recording.mp4"), (False, "Recording.ogg")):
        root = tmp_path / name
        recording = SyntheticRecording(root, [ANNA], 15_500, STARTED_MS, STOP_MS, video=video)
        recording.write()
        recording.close()
        sound = watch(compose_once(root, SMALL)).sound
        # Between the beeps around it: 12 800 ms of the film are 13 360 ms of the recording.
        before, after = (round((ms - STARTED_MS) * 48) for ms in (13_180, 13_900))
        noise = distortion(sound[before:after], ANNA.tone_hz)
        joint = (12_800 * 48 - before) // 240
        elsewhere = np.concatenate([noise[: joint - 8], noise[joint + 12 :]])
        assert noise[joint - 8 : joint + 12].max() < max(1.5 * elsewhere.max(), 0.002)


def test_sound_only(tmp_path: Path) -> None:
    recording = SyntheticRecording(tmp_path, [ANNA, BEN], 15_500, STARTED_MS, STOP_MS, video=False)
    recording.write()
    recording.close()
    path = compose_once(tmp_path, SMALL)
    assert path.name == "Recording.ogg"
    assert path.read_bytes()[:4] == b"OggS"
    film = watch(path)
    assert not film.pictures
    assert len(film.sound) / 48 == pytest.approx(STOP_MS - STARTED_MS, abs=45)
    wanted = [1000 * n + DELAY_MS - STARTED_MS for n in range(1, 15)]
    assert beep_starts_ms(film) == pytest.approx(wanted, abs=6)
    with av.open(path) as container:
        assert [s.codec_context.name for s in container.streams] in (["opus"], ["libopus"])


def test_an_empty_call_is_dark_and_silent(tmp_path: Path) -> None:
    film = make(tmp_path, [], stop_ms=1060).film
    assert len(film.pictures) == 13
    assert film.pictures[5][0].max() < 40
    assert np.abs(film.sound).max() < 0.001


@pytest.mark.parametrize(("started_ms", "stop_ms"), [(None, 1000), (1000, 1000), (1000, 400)])
def test_nothing_to_compose(tmp_path: Path, started_ms: int | None, stop_ms: int) -> None:
    recording = SyntheticRecording(tmp_path, [], 2000, started_ms, stop_ms)  # type: ignore[arg-type]
    recording.close()
    with pytest.raises(NothingToCompose):
        compose_once(tmp_path, SMALL)
