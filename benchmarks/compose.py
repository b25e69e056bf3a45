"""What composing costs, beside ffmpeg and beside the encoder alone.

    .venv/bin/python -m benchmarks.compose [--calls webcam noisy …] [--seconds 20] [--formats mp4 webm]

Cost is CPU time (user and system) per second of the film, in one process with one encoder thread. ffmpeg
(the program; Debian: apt-get install ffmpeg) decodes, scales, stacks and mixes the same streams and encodes
them with our options; it writes no names and balances no voices. The floor is the encoder alone, on the
pictures of that graph. Quality is against these pictures: luma PSNR, SSIM of blocks of 8x8.
"""

import argparse
import os
import resource
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.call_clips import CAMERA_PX, PICTURES_PER_S, SCREEN_PICTURES_PER_S, Kind, clip
from benchmarks.call_folders import STARTED_MS, Call, Video, write_folder, write_streams
from benchmarks.ffmpeg_compose import encode_cost, ffmpeg_cost, film_pictures, quality_rows
from callrec import logs
from callrec.recorder.compose.worker import ComposeOptions, compose_once

QUIET_LOAD = 2.0
"""Load average above which the machine has other work, and the numbers are not worth keeping."""
MAX_SECONDS = 22
"""The sounds are as long."""
PEOPLE = 4


def _cameras(kind: Kind, seconds: int) -> Call:
    videos = [Video(clip(kind, seconds, seed), PICTURES_PER_S) for seed in range(PEOPLE // 2)] * 2
    return Call([[video] for video in videos], seconds)


def _screen(seconds: int) -> Call:
    screen = Video(clip("screen", seconds, 9), SCREEN_PICTURES_PER_S, "screen")
    camera = Video(clip("webcam", seconds, 1), PICTURES_PER_S)
    return Call([[camera, screen], [], [], []], seconds)


CALLS: dict[str, tuple[str, Callable[[int], Call]]] = {
    "webcam": ("4 cameras like webcams", lambda seconds: _cameras("webcam", seconds)),
    "noisy": ("4 cameras, noisy", lambda seconds: _cameras("noisy", seconds)),
    "still": ("4 cameras before which nothing moves", lambda seconds: _cameras("still", seconds)),
    "nobody": ("4 people without camera", lambda seconds: Call([[]] * PEOPLE, seconds)),
    "screen": ("shared screen, its speaker's camera, 3 listeners", _screen),
    "sound": ("4 people, sound only", lambda seconds: Call([[]] * PEOPLE, seconds, video=False)),
}


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _compose(call: Call, root: Path, extension: str) -> tuple[float, int]:
    """Return CPU seconds for each second of the film, and its bit rate (kbit/s)."""
    write_folder(root, call, f"Film{extension}")
    film_s = (call.seconds * 1000 - STARTED_MS) / 1000
    begin_s = _cpu_s()
    film = compose_once(root, ComposeOptions(1920, 1080))
    return (_cpu_s() - begin_s) / film_s, round(film.stat().st_size * 8 / film_s / 1000)


def main() -> None:
    """Print a row for each call and container, then rows on quality."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--calls", nargs="+", choices=CALLS, default=list(CALLS))
    parser.add_argument("--formats", nargs="+", choices=["mp4", "webm"], default=["mp4", "webm"])
    parser.add_argument("--seconds", type=int, default=20, help=f"up to {MAX_SECONDS}")
    parser.add_argument("--repeat", type=int, default=1, help="the least of so many runs counts")
    parser.add_argument("--without-quality", action="store_true")
    options = parser.parse_args()
    if not 2 <= options.seconds <= MAX_SECONDS or options.repeat < 1:
        parser.error(f"--seconds from 2 to {MAX_SECONDS}, at least one run")
    if shutil.which("ffmpeg") is None:
        parser.error("the program ffmpeg is missing (Debian: apt-get install ffmpeg)")
    logs.configure("error", as_json=False)
    load = os.getloadavg()[0]
    print(f"{os.cpu_count()} cores, load average {load:.1f} before", end="")
    print(": busy, keep none of these numbers" if load >= QUIET_LOAD else "")
    print(f"1920x1080 at 25 pictures/s; cameras {CAMERA_PX[0]}x{CAMERA_PX[1]}, VP8, 1.2 Mbit/s")
    line = "{:50}  {:5}  {:>8}  {:>8}  {:>6}  {:>7}  {:>7}  {:>6}"
    print(
        line.format("CPU-s per second of film", "", "callrec", "ffmpeg", "ratio", "floor", "ratio", "kbit/s")
    )
    with tempfile.TemporaryDirectory() as folder:
        for name in options.calls:
            title, make = CALLS[name]
            call = make(options.seconds)
            streams = Path(folder) / f"{name}-streams"
            streams.mkdir()
            inputs = write_streams(streams, call)
            for extension in [f".{form}" for form in options.formats] if call.video else [".ogg"]:
                runs = []
                for run in range(options.repeat):
                    ours = _compose(call, Path(folder) / f"{name}{extension}{run}", extension)
                    runs.append((*ours, ffmpeg_cost(call, inputs, extension)))
                cost, kbps, theirs = min(r[0] for r in runs), runs[0][1], min(r[2] for r in runs)
                floor = encode_cost(film_pictures(call, inputs), extension) if call.video else 0
                cells = [f"{cost:.3f}", f"{theirs:.3f}", f"{cost / theirs:.2f}"]
                cells += [f"{floor:.3f}", f"{cost / floor:.2f}"] if floor else ["–", "–"]
                print(line.format(title, extension, *cells, kbps), flush=True)
            if name in ("webcam", "noisy") and not options.without_quality:
                for row in quality_rows(call, inputs):
                    print("   ", row, flush=True)


if __name__ == "__main__":
    main()
