"""The decoded pictures of one stream, in the order in which the film asks for them."""

from collections import deque
from typing import TypedDict

import av
import structlog
from av.codec.context import Flags
from av.error import FFmpegError
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from callrec.recorder.compose.colour import FILM, ColourSpace, coded_colour_space
from callrec.recorder.compose.planes import Planes, frame_planes
from callrec.recorder.compose.track_log import Frame

_log = structlog.get_logger()

EARLY_MS = 500
"""A stream's first picture is shown so long before its time: better than none.

Less than a step of ingest (and half a picture): who draws a time knows the frames of one step more.
"""

_DECODERS = {"vp8": "vp8", "h264": "h264", "vp9": "vp9", "av1": "libdav1d"}
_MAX_PIXELS = 8192 * 4352
"""What a stranger may make us decode: the largest picture of H.264 level 6.2, with room."""


class _Conversion(TypedDict, total=False):
    src_colorspace: Colorspace
    dst_colorspace: Colorspace
    src_color_range: ColorRange
    dst_color_range: ColorRange


class StreamPicture:
    """What one stream of video shows at a time that only goes forward.

    Decoding goes from keyframe to keyframe: a fresh one shows the same as one that has decoded everything.
    """

    def __init__(self, frames: deque[Frame]) -> None:
        """*frames* in their order, appended to from outside and consumed here."""
        self._frames = frames
        self._codec = ""
        self._decoder: av.VideoCodecContext | None = None
        self._scaler = VideoReformatter()  # a frame's own would be set up anew for each frame
        self._decoded: av.VideoFrame | None = None
        self._colour = FILM
        self._scaled: Planes | None = None
        self.shown_ms: float | None = None
        """Time of the newest frame so far."""
        self.early = False
        """Whether the picture's time is still to come."""

    def skip(self, to_ms: float) -> None:
        """Forget the frames that nobody needs who begins to look at *to_ms*."""
        keyframe = next((i for i in range(self._due(to_ms) - 1, -1, -1) if self._frames[i].keyframe), 0)
        for _ in range(keyframe):
            self._frames.popleft()

    def advance(self, to_ms: float) -> None:
        """Go on to the newest frame at or before *to_ms*, and to the first of all ``EARLY_MS`` before it."""
        if self._due(to_ms):
            self.skip(to_ms)
            for _ in range(self._due(to_ms)):
                self._show(self._frames.popleft())
        elif self.shown_ms is None and self._due(to_ms + EARLY_MS):
            self._show(self._frames.popleft())
        self.early = self.shown_ms is not None and self.shown_ms > to_ms

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height of the picture, None as long as there is none."""
        return (self._decoded.width, self._decoded.height) if self._decoded else None

    def scaled(self, width_px: int, height_px: int) -> Planes:
        """Return the picture in this size."""
        assert self._decoded is not None, "asked for a picture before there is one"
        if self._scaled is None or self._scaled.y.shape != (height_px, width_px):
            self._scaled = frame_planes(
                self._scaler.reformat(
                    self._decoded,
                    width=width_px,
                    height=height_px,
                    format="yuv420p",
                    interpolation=Interpolation.BILINEAR,
                    threads=1,  # chunks are the parallelism
                    **_conversion(self._colour),
                )
            )
        return self._scaled

    def _due(self, to_ms: float) -> int:
        return next((i for i, frame in enumerate(self._frames) if frame.at_ms > to_ms), len(self._frames))

    def _show(self, frame: Frame) -> None:
        self.shown_ms = frame.at_ms
        if self._decoder is None or frame.codec != self._codec:
            self._codec, self._decoder = frame.codec, new_decoder(frame.codec)
        try:
            pictures = self._decoder.decode(av.Packet(frame.data))
        except FFmpegError as error:  # a sender's broken frame: the last picture stays
            _log.warning("frame_not_decoded", at_ms=round(frame.at_ms), error=str(error))
            return
        if pictures:
            self._decoded, self._scaled = pictures[-1], None  # of several layers the highest
            self._colour = frame.colour or self._coded_colour(pictures[-1])

    def _coded_colour(self, picture: av.VideoFrame) -> ColourSpace:
        # VP8 decoders call a stream that needs no clamping one of full range.
        return FILM if self._codec == "vp8" else coded_colour_space(picture)


def _conversion(colour: ColourSpace) -> _Conversion:
    """Return how to make the film's colours of these; nothing where they are the film's: that is cheaper."""
    if colour == FILM:
        return {}
    return {
        "src_colorspace": colour.matrix,
        "dst_colorspace": FILM.matrix,
        "src_color_range": colour.range,
        "dst_color_range": FILM.range,
    }


def new_decoder(codec: str) -> av.VideoCodecContext:
    """Return a decoder of calls' pictures."""
    decoder = av.CodecContext.create(_DECODERS[codec], "r")
    assert isinstance(decoder, av.VideoCodecContext)
    decoder.thread_count = 1  # chunks are the parallelism
    decoder.flags |= Flags.low_delay  # nothing in a call refers to later pictures: each is given out at once
    decoder.options = {"max_pixels": str(_MAX_PIXELS)}
    return decoder
