"""Pictures of the film, for docs/film.md: ``python -m tests.recorder.compose.gallery [DIRECTORY]``.

The people are made up: their cameras show painted rooms and heads, encoded and decoded as in a call.
"""

import hashlib
import io
import sys
from collections import deque
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from callrec.recorder.compose.draw import Canvas, Pictures
from callrec.recorder.compose.film import Look
from callrec.recorder.compose.notes import Notes
from callrec.recorder.compose.picture import StreamPicture
from callrec.recorder.compose.scene import Scene, Seat
from callrec.recorder.compose.text import Line
from callrec.recorder.compose.track_log import Frame

DIRECTORY = Path(__file__).parents[3] / "docs" / "images" / "film"
FILM_PX, SHOWN_PX = (1920, 1080), (960, 540)
AT_MS = 5000
PEOPLE = (
    *("Anna Lindqvist", "Benedikt Okafor", "Chiara Romano", "Daniel Weiss", "Emre Yıldız", "Fatima Zahra"),
    *(
        "Grzegorz Nowak",
        "Hanna Virtanen",
        "Ibrahim Diallo",
        "Julia Fernández",
        "Kwame Mensah",
        "Lena Hoffmann",
    ),
    *("Marek Dvořák", "Nadia Petrova", "Olivier Dubois", "Priya Raman"),
)
_SALT = 5
_SKINS = ((241, 204, 177), (224, 172, 138), (198, 140, 104), (150, 98, 66), (104, 66, 46))
_HAIRS = ((46, 34, 28), (92, 60, 38), (150, 112, 70), (30, 28, 30), (168, 164, 160), (120, 60, 36))
_CLOTHES = ((58, 78, 110), (108, 62, 70), (64, 96, 84), (70, 68, 76), (140, 118, 88), (92, 84, 126))
_WALLS = (
    (196, 190, 180),
    (170, 182, 190),
    (150, 158, 150),
    (206, 200, 196),
    (128, 134, 148),
    (186, 170, 156),
)


def camera(name: str, size_px: tuple[int, int] = (1280, 720)) -> Image.Image:
    """Return what the camera of a made-up person shows."""
    draw = np.random.default_rng(list(hashlib.sha256(f"{_SALT} {name}".encode()).digest()[:8]))
    width, height = size_px
    unit = min(width, height) / 720
    wall = np.array(_WALLS[draw.integers(len(_WALLS))], float)
    light = draw.uniform(0.15, 0.85) * width
    across = 1 - 0.35 * np.abs(np.arange(width) - light) / width
    down = 1 - 0.22 * np.arange(height) / height
    room = Image.fromarray((wall * across[None, :, None] * down[:, None, None]).astype(np.uint8))
    _furnish(room, draw, unit)
    room = room.filter(ImageFilter.GaussianBlur(11 * unit))
    scale = 2  # the person is painted large and reduced, for soft edges
    person = Image.new("RGBA", (width * scale, height * scale))
    _person(ImageDraw.Draw(person), draw, width * scale, height * scale, unit * scale)
    person = person.resize(size_px, Image.Resampling.LANCZOS).filter(ImageFilter.GaussianBlur(1.6 * unit))
    room.paste(person, (0, 0), person)
    noise = np.random.default_rng(1).normal(0, 2.2, (height, width, 1))
    return Image.fromarray(np.clip(np.asarray(room) + noise, 0, 255).astype(np.uint8))


def _furnish(room: Image.Image, draw: np.random.Generator, unit: float) -> None:
    pen = ImageDraw.Draw(room)
    width, height = room.size
    kind, left = draw.integers(3), draw.uniform(0.02, 0.62) * width
    if kind == 0:  # a window
        pen.rectangle((left, 60 * unit, left + 330 * unit, 420 * unit), (232, 238, 242))
        pen.line(
            (left + 165 * unit, 60 * unit, left + 165 * unit, 420 * unit), (150, 146, 140), int(14 * unit)
        )
    elif kind == 1:  # shelves with books
        for level in range(3):
            y = (150 + 170 * level) * unit
            pen.rectangle((left, y, left + 460 * unit, y + 14 * unit), (96, 74, 56))
            x = left + 10 * unit
            while x < left + 430 * unit:
                book, tall = draw.uniform(18, 40) * unit, draw.uniform(80, 125) * unit
                colour = tuple(int(c) for c in draw.uniform(60, 190, 3))
                pen.rectangle((x, y - tall, x + book, y), colour)
                x += book + 4 * unit
    else:  # a picture and a plant
        pen.rectangle(
            (left, 90 * unit, left + 240 * unit, 270 * unit), (88, 104, 118), (60, 54, 48), int(10 * unit)
        )
        for _ in range(14):
            x, y = width * 0.9 + draw.normal(0, 70) * unit, height * 0.62 + draw.normal(0, 80) * unit
            pen.ellipse((x - 50 * unit, y - 24 * unit, x + 50 * unit, y + 24 * unit), (62, 96, 66))


def _person(
    pen: ImageDraw.ImageDraw, draw: np.random.Generator, width: int, height: int, unit: float
) -> None:
    skin, hair = _SKINS[draw.integers(len(_SKINS))], _HAIRS[draw.integers(len(_HAIRS))]
    clothes = _CLOTHES[draw.integers(len(_CLOTHES))]
    x, y = width * draw.uniform(0.44, 0.56), height * 0.40 + draw.uniform(-20, 20) * unit
    shade = tuple(int(c * 0.84) for c in skin)

    def oval(dx: float, dy: float, rx: float, ry: float, colour: tuple[int, ...]) -> None:
        pen.ellipse(
            (x + (dx - rx) * unit, y + (dy - ry) * unit, x + (dx + rx) * unit, y + (dy + ry) * unit), colour
        )

    long = draw.random() < 0.5
    if long:
        pen.rounded_rectangle(
            (x - 132 * unit, y - 120 * unit, x + 132 * unit, y + 210 * unit), 110 * unit, hair
        )
    pen.rounded_rectangle(
        (x - 270 * unit, y + 215 * unit, x + 270 * unit, y + 900 * unit), 150 * unit, clothes
    )
    pen.rounded_rectangle((x - 52 * unit, y + 90 * unit, x + 52 * unit, y + 262 * unit), 48 * unit, shade)
    oval(0, -34, 118, 130, hair)
    oval(0, 10, 102, 136, skin)
    pen.pieslice((x - 112 * unit, y - 158 * unit, x + 112 * unit, y + 60 * unit), 188, 352, hair)
    for side in (-1, 1):
        oval(side * 38, 4, 9, 10, (52, 40, 36))
        pen.line(
            (x + (side * 38 - 18) * unit, y - 22 * unit, x + (side * 38 + 18) * unit, y - 24 * unit),
            hair,
            int(7 * unit),
        )
    pen.line(
        (x, y + 14 * unit, x - 7 * unit, y + 46 * unit, x + 6 * unit, y + 48 * unit), shade, int(6 * unit)
    )
    pen.arc(
        (x - 40 * unit, y + 44 * unit, x + 40 * unit, y + 92 * unit), 22, 158, (156, 82, 76), int(9 * unit)
    )


def slide() -> Image.Image:
    """Return what a shared screen shows."""
    image = Image.new("RGB", (1600, 1000), (250, 250, 248))
    pen = ImageDraw.Draw(image)
    pen.rectangle((0, 0, 1600, 14), (46, 92, 138))
    Line("Visitors of the library by quarter", 62).draw(pen, 90, 150, (34, 40, 52))
    Line("Opening on Sundays, from spring on", 36).draw(pen, 90, 215, (110, 118, 130))
    pen.line((110, 860, 1060, 860), (120, 126, 136), 3)
    for index, value in enumerate((300, 360, 340, 430, 520, 560)):
        x = 150 + index * 150
        pen.rectangle((x, 860 - value, x + 96, 860), (46, 92, 138) if index > 2 else (164, 186, 208))
        Line(f"Q{index % 4 + 1}", 30).draw(pen, x + 28, 905, (90, 96, 106))
    for index, text in enumerate(
        ("Families stay longer", "Courses are full", "Costs: two posts", "Decide by May")
    ):
        pen.ellipse((1150, 376 + index * 110, 1164, 390 + index * 110), (46, 92, 138))
        Line(text, 38).draw(pen, 1190, 396 + index * 110, (50, 56, 66))
    return image


def sent(image: Image.Image) -> StreamPicture:
    """Return *image* as a stream of video that has been received."""
    encoder = av.CodecContext.create("libvpx", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = *image.size, "yuv420p"
    encoder.time_base = Fraction(1, 25)
    encoder.bit_rate = 40_000_000
    encoder.options = {"deadline": "good", "crf": "4"}
    packets = [
        *encoder.encode(av.VideoFrame.from_ndarray(np.asarray(image), format="rgb24")),
        *encoder.encode(None),
    ]
    picture = StreamPicture(deque(Frame(AT_MS, bytes(packet), True, "vp8") for packet in packets))
    picture.advance(AT_MS)
    return picture


def person(
    name: str, *, picture: bool = True, muted: bool = False, hand: bool = False, speaking: bool = False
) -> Seat:
    """Return a person's seat; one without ``picture`` has no camera."""
    return Seat(f"users/{name}", name, "camera", picture, muted, hand, speaking)


def people(count: int, *, speaking: int = 0, muted: tuple[int, ...] = ()) -> tuple[Seat, ...]:
    """Return the first of ``PEOPLE``."""
    return tuple(person(n, speaking=i == speaking, muted=i in muted) for i, n in enumerate(PEOPLE[:count]))


def logo() -> bytes:
    """Return a watermark."""
    image = Image.new("RGBA", (520, 130))
    pen = ImageDraw.Draw(image)
    pen.rounded_rectangle((4, 9, 112, 117), 30, fill=(255, 255, 255, 190))
    pen.ellipse((32, 37, 84, 89), fill=(0, 0, 0, 0))
    Line("City Library", 62).draw(pen, 138, 86, (255, 255, 255, 190))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


_SCREEN = Seat("users/Chiara Romano", "Chiara Romano", "screen")
_SHAPES = {"Emre Yıldız": (640, 480), "Daniel Weiss": (720, 1280)}
"""Cameras that are not 16:9."""

SCENES: dict[str, Callable[[], Scene]] = {
    "grid-1": lambda: Scene("grid", people(1, speaking=-1)),
    "grid-2": lambda: Scene("grid", people(2, muted=(1,))),
    "grid-3": lambda: Scene("grid", people(3, speaking=1)),
    "grid-4": lambda: Scene(
        "grid",
        (*people(2, speaking=1), person(PEOPLE[6], picture=False, muted=True), person(PEOPLE[7], hand=True)),
    ),
    "grid-7": lambda: Scene("grid", people(7, speaking=2, muted=(0, 4))),
    "grid-16": lambda: Scene(
        "grid", people(16, speaking=9, muted=(1, 3, 4, 11)), hidden=12, heard=("Tom Byrne",)
    ),
    "speaker": lambda: Scene("speaker", people(1), people(6, speaking=-1, muted=(2, 4))[1:]),
    "screen": lambda: Scene("screen", (_SCREEN,), people(5, speaking=2, muted=(4,))),
    "audio-only": lambda: Scene(
        "grid",
        tuple(person(n, picture=False, speaking=i == 1, muted=i == 4) for i, n in enumerate(PEOPLE[8:14])),
    ),
    "right-to-left": lambda: Scene(
        "grid",
        (
            person("محمد الأحمد", speaking=True),
            person("דנה לוי", muted=True),
            person("فاطمة Schmidt", picture=False),
            person("شیرین رضایی", picture=False, hand=True),
        ),
    ),
    "scripts": lambda: Scene(
        "grid",
        (
            person("田中 太郎", speaking=True),
            person("김철수", picture=False),
            person("王小明"),
            person("प्रिया शर्मा", picture=False, muted=True),
            person("สมชาย ใจดี"),
            person("Олексій Шевченко", picture=False),
            person("ქეთევან", picture=False),
            person("தமிழ்ச்செல்வி", muted=True),
            person("Zoë 👩‍🚀", picture=False),
        ),
    ),
    "notes": lambda: Scene("grid", people(2, muted=(0,), speaking=1)),
}
LOOKS = {"notes": Look("Board meeting, spring", "call", logo())}


def drawn(scene: Scene, look: Look, size_px: tuple[int, int] = FILM_PX) -> Image.Image:
    """Return a picture of the film."""
    pictures: Pictures = {
        (seat.participant, seat.source): [
            sent(
                slide() if seat.source == "screen" else camera(seat.name, _SHAPES.get(seat.name, (1280, 720)))
            )
        ]
        for seat in scene.stage + scene.strip
        if seat.picture
    }
    canvas = Canvas(*size_px, Notes(*size_px, look, started_ms=0, wall_s=0))
    canvas.draw(scene, pictures, AT_MS)
    return Image.fromarray(canvas.frame.to_ndarray(format="rgb24"))


def main() -> None:
    """Paint all pictures."""
    directory = Path(sys.argv[1]) if len(sys.argv) > 1 else DIRECTORY
    directory.mkdir(parents=True, exist_ok=True)
    for name, scene in SCENES.items():
        image = drawn(scene(), LOOKS.get(name, Look())).resize(SHOWN_PX, Image.Resampling.LANCZOS)
        image.save(directory / f"{name}.jpg", quality=88, optimize=True)


if __name__ == "__main__":
    main()
