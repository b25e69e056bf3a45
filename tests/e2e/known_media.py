"""What the people of the tests look and sound like.

Ada's page has its camera and microphone replaced by a canvas and an AudioContext on one clock: the truth
about sound against picture. Zoë's Chromium plays files as its devices: the way of real devices, with the
browser's own processing of sound, but file camera and file microphone drift against each other: there sound
against picture cannot be measured. That senders have clocks of their own is tested with synthetic recordings.
"""

import io
import math
import wave
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

Rgb = tuple[int, int, int]

WIDTH_PX, HEIGHT_PX = 640, 480
BEEP_HZ = 1500
FILE_S = 180
"""Files are longer than any test: Chromium begins them again, and then sound and picture part."""
_FILE_FPS = 30  # what Chromium assumes of motion JPEG
_PERIOD_S = 2
_SAMPLE_RATE_HZ = 48_000


class Likeness(NamedTuple):
    """How a person is recognised."""

    name: str
    colour: Rgb
    tone_hz: int


ADA = Likeness("Admin", (40, 90, 200), 440)
ZOE = Likeness("Zoë Ödegård", (30, 150, 60), 660)


def known_person_script(person: Likeness) -> str:
    """Return the init script that gives a page *person*'s camera and microphone."""
    script = Path(__file__).with_name("known_person.js").read_text()
    for placeholder, value in (
        ("TONE_HZ", str(person.tone_hz)),
        ("BEEP_HZ", str(BEEP_HZ)),
        ("COLOUR", f"rgb{person.colour}"),
    ):
        script = script.replace(placeholder, value)
    return script


def write_camera_file(path: Path, person: Likeness) -> None:
    """Write motion JPEG: the person's colour, and a bar that wanders once around in two seconds."""
    pictures = []
    count = _FILE_FPS * _PERIOD_S
    for number in range(count):
        image = Image.new("RGB", (WIDTH_PX, HEIGHT_PX), person.colour)
        left = number * WIDTH_PX // count
        ImageDraw.Draw(image).rectangle((left, 240, left + 47, 311), fill=(0, 0, 0))
        encoded = io.BytesIO()
        image.save(encoded, "JPEG", quality=85)
        pictures.append(encoded.getvalue())
    path.write_bytes(b"".join(pictures) * (FILE_S // _PERIOD_S))


def write_microphone_file(path: Path, person: Likeness) -> None:
    """Write the person's tone in syllables: noise suppression takes a steady one away."""
    time_s = np.arange(_SAMPLE_RATE_HZ * _PERIOD_S) / _SAMPLE_RATE_HZ
    syllables = np.clip(6 * np.sin(2 * math.pi * 2.5 * time_s), 0, 1) * (time_s % _PERIOD_S < 1.6)
    samples = (0.4 * 32767 * syllables * np.sin(2 * math.pi * person.tone_hz * time_s)).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(_SAMPLE_RATE_HZ)
        file.writeframes(samples.tobytes() * (FILE_S // _PERIOD_S))
