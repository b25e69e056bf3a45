"""The same work done by the program ffmpeg, by the encoder alone, and how good the pictures are."""

import os
import resource
import subprocess
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from benchmarks.call_folders import Call
from callrec.recorder.compose.coding import CODINGS, H264, VP9, PictureCodec, configure
from callrec.recorder.compose.formats import FORMATS
from callrec.recorder.compose.layout import arrange, fit
from callrec.recorder.compose.planes import frame_planes
from callrec.recorder.compose.scene import Scene, Seat

WIDTH_PX, HEIGHT_PX, FPS = 1920, 1080, 25
EQUAL_BPS = 1_350_000
_BACKGROUND = "0x17191d"
_EACH = 5
"""Quality is measured of so many pictures one."""


def ffmpeg_cost(call: Call, inputs: list[Path], extension: str) -> float:
    """Return the CPU seconds of ffmpeg for each second of the film."""
    output = inputs[0].with_name(f"film{extension}")
    coding = CODINGS[FORMATS[extension].coding]
    encoder = ["-c:a", coding.sound.encoder, "-b:a", str(coding.sound.bit_rate_bps)]
    if coding.pictures is not None:
        encoder += ["-c:v", coding.pictures.encoder, "-threads", "1", "-g", "80"]
        names = ("preset", "crf", "x264-params", "deadline", "cpu-used", "lag-in-frames")
        for name in names:
            if name in coding.pictures.options:
                encoder += [f"-{name}", coding.pictures.options[name].replace(":keyint=infinite", "")]
        if not coding.pictures.capped_by_vbv:
            encoder += ["-b:v", "2695k"]
    before_s = _children_s()
    _run([*_graph(call, inputs, sound=True), *encoder, "-y", str(output)])
    return (_children_s() - before_s) / call.seconds


def film_pictures(call: Call, inputs: list[Path]) -> Iterator[av.VideoFrame]:
    """Yield the pictures of ffmpeg's graph."""
    size = WIDTH_PX * HEIGHT_PX * 3 // 2
    command = [*_graph(call, inputs, sound=False), "-f", "rawvideo", "-pix_fmt", "yuv420p", "-"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        while len(data := process.stdout.read(size)) == size:
            picture = np.frombuffer(data, np.uint8).reshape(HEIGHT_PX * 3 // 2, WIDTH_PX)
            yield av.VideoFrame.from_ndarray(picture, format="yuv420p")


def encode_cost(pictures: Iterator[av.VideoFrame], extension: str) -> float:
    """Return the CPU seconds of the film's encoder alone for each second of film."""
    codec = CODINGS[FORMATS[extension].coding].pictures
    assert codec is not None
    return _encode(pictures, _configured(codec))[0]


def quality_rows(call: Call, inputs: list[Path]) -> list[str]:
    """Return a line on each encoder: cost, bit rate, PSNR and SSIM."""
    rows = []
    for title, context in (
        ("x264 superfast, 1.35 Mbit/s", _plain_superfast()),
        ("x264 as in films, 1.35 Mbit/s", _configured(H264, equal=True)),
        ("x264 as in films", _configured(H264)),
        ("VP9 as in films, 1.35 Mbit/s", _configured(VP9, equal=True)),
        ("VP9 as in films", _configured(VP9)),
    ):
        cost, packets = _encode(film_pictures(call, inputs), context)
        decoder = "h264" if context.name == "libx264" else "vp9"
        psnr_db, ssim = _quality(film_pictures(call, inputs), packets, decoder)
        kbps = sum(map(len, packets)) * 8 * FPS / len(packets) / 1000
        rows.append(f"{title:32} {cost:.3f} CPU-s/s {kbps:6.0f} kbit/s {psnr_db:.2f} dB {ssim:.4f}")
    return rows


def _graph(call: Call, inputs: list[Path], *, sound: bool) -> list[str]:
    """Return ffmpeg's arguments up to the filter graph, with the tiles where the film has them."""
    screens = [(i, v) for i, person in enumerate(call.people) for v in person if v.source == "screen"]
    cameras = [(i, v) for i, person in enumerate(call.people) for v in person if v.source == "camera"]
    seats = tuple(Seat(str(i), "", "camera") for i in range(len(call.people)))
    stage = (Seat("0", "", "screen"),)
    scene = Scene("screen", stage, seats) if screens else Scene("grid", seats)
    filters, last = [], "[0]"
    if call.video:
        filters.append(
            f"color={_BACKGROUND}:s={WIDTH_PX}x{HEIGHT_PX}:r={FPS}:d={call.seconds},format=yuv420p[0]"
        )
        places = arrange(scene, WIDTH_PX, HEIGHT_PX)
        tiles = [(places.stage[0], i, v) for i, v in screens]
        tiles += [((places.strip if screens else places.stage)[i], i, v) for i, v in cameras]
        for number, (tile, person, video) in enumerate(tiles, 1):
            place = fit(*video.size_px, tile)
            stream = call.people[person].index(video)
            filters.append(
                f"[{person}:v:{stream}]fps={FPS},scale={place.width}:{place.height}:flags=bilinear[s{number}];"
                f"{last}[s{number}]overlay={place.x}:{place.y}:eof_action=repeat[{number}]"
            )
            last = f"[{number}]"
    if sound:
        labels = "".join(f"[{i}:a]" for i in range(len(inputs)))
        filters.append(f"{labels}amix={len(inputs)}:normalize=0,aformat=channel_layouts=stereo[sound]")
    files = [part for path in inputs for part in ("-i", str(path))]
    # One thread: CPU seconds count, and threads that wait cost some.
    threads = ["-threads", "1", "-filter_threads", "1", "-filter_complex_threads", "1"]
    command = ["ffmpeg", "-v", "error", "-nostdin", *threads, *files, "-filter_complex", ";".join(filters)]
    command += ["-map", last] if call.video else []
    command += ["-map", "[sound]"] if sound else []
    return [*command, "-t", str(call.seconds)]


def _configured(codec: PictureCodec, *, equal: bool = False) -> av.VideoCodecContext:
    context = av.CodecContext.create(codec.encoder, "w")
    assert isinstance(context, av.VideoCodecContext)
    configure(context, codec, FPS, (WIDTH_PX, HEIGHT_PX))
    if equal:
        context.bit_rate = EQUAL_BPS
        context.options = {k: v for k, v in context.options.items() if k != "crf"}
    return context


def _plain_superfast() -> av.VideoCodecContext:
    context = av.CodecContext.create("libx264", "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height, context.pix_fmt = WIDTH_PX, HEIGHT_PX, "yuv420p"
    context.time_base, context.framerate = Fraction(1, FPS), Fraction(FPS)
    context.bit_rate, context.thread_count = EQUAL_BPS, 1
    context.options = {"preset": "superfast"}
    return context


def _encode(pictures: Iterator[av.VideoFrame], context: av.VideoCodecContext) -> tuple[float, list[bytes]]:
    """Return CPU seconds for each second of film, and the packets."""
    spent_s, packets, number = 0.0, [], 0
    for number, frame in enumerate(pictures, 1):
        frame.pts, frame.time_base = number, Fraction(1, FPS)
        begin_s = _self_s()
        packets += [bytes(packet) for packet in context.encode(frame)]
        spent_s += _self_s() - begin_s
    packets += [bytes(packet) for packet in context.encode(None)]
    return spent_s / (number / FPS), packets


def _quality(pictures: Iterator[av.VideoFrame], packets: list[bytes], decoder: str) -> tuple[float, float]:
    context = av.CodecContext.create(decoder, "r")
    assert isinstance(context, av.VideoCodecContext)
    coded = [*map(av.Packet, packets), None]
    decoded = (frame for packet in coded for frame in context.decode(packet))
    errors, ssims = [], []
    for number, (frame, again) in enumerate(zip(pictures, decoded, strict=True)):
        if number % _EACH == 0:
            first, second = (frame_planes(f).y.astype(np.float64) for f in (frame, again))
            errors.append(float(((first - second) ** 2).mean()))
            ssims.append(_ssim(first, second))
    return 10 * float(np.log10(255**2 / np.mean(errors))), float(np.mean(ssims))


def _ssim(first: npt.NDArray[np.float64], second: npt.NDArray[np.float64]) -> float:
    """Return the structural similarity of blocks of 8x8 that do not overlap."""
    height, width = (length // 8 * 8 for length in first.shape)

    def mean(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        blocks = values[:height, :width].reshape(height // 8, 8, width // 8, 8)
        return np.asarray(blocks.mean(axis=(1, 3)))

    a, b = mean(first), mean(second)
    variances = mean(first * first) - a * a + mean(second * second) - b * b
    covariance = mean(first * second) - a * b
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    return float(
        ((2 * a * b + c1) * (2 * covariance + c2) / ((a * a + b * b + c1) * (variances + c2))).mean()
    )


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=os.environ)


def _seconds_of(who: int) -> Callable[[], float]:
    def spent() -> float:
        usage = resource.getrusage(who)
        return usage.ru_utime + usage.ru_stime

    return spent


_self_s, _children_s = _seconds_of(resource.RUSAGE_SELF), _seconds_of(resource.RUSAGE_CHILDREN)
