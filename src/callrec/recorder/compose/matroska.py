"""Writes coded pictures as they are into a Matroska file, each at its time."""

import contextlib
import io
from fractions import Fraction
from pathlib import Path

import av

from callrec.recorder.compose.picture import new_decoder
from callrec.recorder.compose.track_log import Frame

_TIME_BASE = Fraction(1, 1000)
_HEADERS = {"h264": "h264", "av1": "obu"}
"""Codecs whose parameters the container repeats: by the demuxer that reads them from a keyframe."""
_NOMINAL_FPS = 25  # calls have none


class MatroskaWriter:
    """One file with one stream. Frames come in order, the first one is a keyframe."""

    def __init__(self, path: Path, first: Frame, title: str) -> None:
        """Begin a file for frames of the codec of *first*. Raises ValueError where that cannot be read."""
        self._last_ms = -1
        headers = _HEADERS.get(first.codec)
        with contextlib.ExitStack() as stack:
            template = (
                stack.enter_context(av.open(io.BytesIO(first.data), format=headers)) if headers else None
            )
            size_px = _size_px(first) if template is None else (0, 0)
            self._file = av.open(path, "w", format="matroska")
            self._file.metadata["title"] = title
            self._stream = (
                self._file.add_mux_stream(first.codec, rate=_NOMINAL_FPS, width=size_px[0], height=size_px[1])
                if template is None
                else self._file.add_stream_from_template(template.streams.video[0], opaque=True)
            )
        self._stream.time_base = _TIME_BASE

    def write(self, at_ms: float, frame: Frame) -> None:
        """Write a frame that is shown from *at_ms* of the file on. Raises ValueError where it is broken."""
        self._last_ms = max(round(at_ms), self._last_ms + 1)
        packet = av.Packet(frame.data)
        packet.stream, packet.time_base = self._stream, _TIME_BASE
        packet.pts = packet.dts = self._last_ms
        packet.is_keyframe = frame.keyframe
        self._file.mux_one(packet)

    def close(self) -> None:
        """Finish the file."""
        self._file.close()


def _size_px(frame: Frame) -> tuple[int, int]:
    pictures = new_decoder(frame.codec).decode(av.Packet(frame.data))
    if not pictures:
        raise ValueError("a keyframe without a picture")
    return pictures[0].width, pictures[0].height
