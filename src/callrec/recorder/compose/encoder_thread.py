"""Lets an encoder work beside what draws for it: one picture behind, in a thread of its own."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import av

from callrec.recorder.compose.planes import frame_planes

_Encoded = TypeVar("_Encoded")


def encode_beside(
    encode: Callable[[av.VideoFrame | None], _Encoded], pictures: Iterable[av.VideoFrame | None]
) -> Iterator[_Encoded]:
    """Yield ``encode(picture)`` for each of *pictures*, called in their order in another thread.

    While it works on one, the next one is drawn: so it gets copies of them.
    """
    filled, other = _Copy(), _Copy()  # one is filled while the other one is encoded
    running: Future[_Encoded] | None = None
    with ThreadPoolExecutor(1, "compose-encoder") as thread:
        for picture in pictures:
            copy = None if picture is None else filled.of(picture)
            filled, other = other, filled
            if running is None:
                running = thread.submit(encode, copy)
                continue
            encoded = running.result()
            running = thread.submit(encode, copy)
            yield encoded
        if running is not None:
            yield running.result()


class _Copy:
    """Room for a picture, used again and again."""

    def __init__(self) -> None:
        self._frame: av.VideoFrame | None = None

    def of(self, picture: av.VideoFrame) -> av.VideoFrame:
        """Return a copy of *picture*; it replaces the one before."""
        if self._frame is None:
            self._frame = av.VideoFrame(picture.width, picture.height, picture.format.name)
        for plane, source in zip(frame_planes(self._frame), frame_planes(picture), strict=True):
            plane[:] = source
        self._frame.pts, self._frame.time_base = picture.pts, picture.time_base
        self._frame.pict_type = picture.pict_type
        return self._frame
