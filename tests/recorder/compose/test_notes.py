"""What stands over the whole picture."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from callrec.errors import SettingsError
from callrec.recorder.compose.draw import Canvas
from callrec.recorder.compose.film import Look
from callrec.recorder.compose.notes import TITLE_S, Notes, read_watermark
from callrec.recorder.compose.planes import Plane, frame_planes
from callrec.recorder.compose.scene import Scene, Seat
from callrec.recorder.lifecycle.plans import look_of
from callrec.settings import RecorderSettings

SIZE = (960, 540)
SCENE = Scene("grid", (Seat("users/a", "Anna"),))
WALL_S = 1_790_000_000.0  # 2026-09-21 13:33:20 UTC


def notes(look: Look, *, started_ms: float = 2000) -> Notes:
    return Notes(*SIZE, look, started_ms=started_ms, wall_s=WALL_S)


def picture(look: Look, film_ms: float = 0, scene: Scene = SCENE) -> Plane:
    canvas = Canvas(*SIZE, notes(look))
    canvas.draw(scene, {}, 2000 + film_ms)
    return frame_planes(canvas.frame).y.copy()


def png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def test_a_title_is_shown_at_the_beginning() -> None:
    plain = picture(Look())
    titled = picture(Look(title="Board meeting"))
    rows, columns = np.nonzero(plain != titled)
    assert rows.max() < 60
    assert 0 < columns.min() < 20
    assert np.array_equal(picture(Look(title="Board meeting"), TITLE_S * 1000 - 1), titled)
    assert np.array_equal(picture(Look(title="Board meeting"), TITLE_S * 1000), plain)


@pytest.mark.parametrize(
    ("look", "film_ms", "wanted"),
    [
        (Look(clock="call"), 0, "0:00:00"),
        (Look(clock="call"), 3_725_999, "1:02:05"),
        (Look(clock="utc"), 0, "2026-09-21 14:13:22 UTC"),
        (Look("A", "call"), 1000, "A\u2002·\u20020:00:01"),
        (Look("A", "call"), 9000, "0:00:09"),
    ],
)
def test_the_clock(look: Look, film_ms: float, wanted: str) -> None:
    assert notes(look)._heading(film_ms, 2000 + film_ms) == wanted


def test_the_clock_changes_the_picture_once_a_second() -> None:
    canvas = Canvas(*SIZE, notes(Look(clock="call")))
    changes = [canvas.draw(SCENE, {}, 2000 + ms) for ms in range(0, 4000, 40)]
    assert [i for i, changed in enumerate(changes) if changed] == [0, 25, 50, 75]


def test_who_is_heard_off_stage_is_named() -> None:
    plain, heard = picture(Look()), picture(Look(), scene=SCENE._replace(heard=("Emre",)))
    rows, columns = np.nonzero(plain != heard)
    assert rows.max() < 60
    assert abs(columns.min() + columns.max() - SIZE[0]) < 12
    longer = picture(Look(), scene=SCENE._replace(heard=("Emre", "Fatima")))
    assert np.ptp(np.nonzero(plain != longer)[1]) > np.ptp(columns)
    many = picture(Look(), scene=SCENE._replace(heard=tuple(f"Person {n}" for n in range(40))))
    assert np.ptp(np.nonzero(plain != many)[1]) <= SIZE[0] // 3


def test_how_many_are_hidden_is_told() -> None:
    rows, columns = np.nonzero(picture(Look()) != picture(Look(), scene=SCENE._replace(hidden=12)))
    assert rows.min() > SIZE[1] - 60
    assert columns.min() > SIZE[0] - 100


def test_a_watermark_lets_through_what_it_says() -> None:
    image = Image.new("RGBA", (60, 40), (255, 255, 255, 0))
    image.paste((255, 255, 255, 255), (0, 0, 20, 40))
    image.paste((255, 255, 255, 128), (20, 0, 40, 40))
    plain, marked = picture(Look()), picture(Look(watermark_png=png(image)))
    rows, columns = np.nonzero(plain != marked)
    left, top = columns.min(), rows.min()
    assert (columns.max() - left, rows.max() - top) == (39, 39)
    assert (left, top) == (960 - 10 - 60, 10)
    ground = plain[top + 20, left + 10]
    assert marked[top + 20, left + 10] == 235
    assert abs(int(marked[top + 20, left + 30]) - (235 + int(ground)) // 2) <= 2
    assert marked[top + 20, left + 50] == ground


def test_a_large_watermark_is_made_smaller_and_keeps_its_shape() -> None:
    mark = Image.new("RGBA", (2000, 500), (255, 255, 255, 255))
    rows, columns = np.nonzero(picture(Look()) != picture(Look(watermark_png=png(mark))))
    assert np.ptp(columns) + 1 == 160
    assert np.ptp(rows) + 1 == 40


@pytest.mark.parametrize(
    ("content", "wrong"),
    [
        (None, "No such file"),
        (b"GIF89a", "not a PNG"),
        (b"", "not a PNG"),
        (png(Image.new("RGBA", (50, 50), (1, 2, 3, 4)))[:60], "damaged"),
        (png(Image.new("L", (1, 1))) + bytes(600_000), "larger than 512 KiB"),
        (png(Image.new("1", (9000, 9000))), "pixels"),
    ],
)
def test_a_bad_watermark_is_refused_by_name(tmp_path: Path, content: bytes | None, wrong: str) -> None:
    path = tmp_path / "logo.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError, match=rf"^recorder\.watermark: .*logo\.png.*{wrong}"):
        look_of(RecorderSettings(watermark=path))


def test_settings_say_how_films_look(tmp_path: Path) -> None:
    path = tmp_path / "logo.png"
    path.write_bytes(png(Image.new("RGBA", (8, 8))))
    assert look_of(RecorderSettings()) == Look()
    look = look_of(RecorderSettings(title="City Library", clock="utc", watermark=path))
    assert look == Look("City Library", "utc", path.read_bytes())
    assert read_watermark(path, "x") == path.read_bytes()
