"""Draws a scene: each seat's newest picture or initials, with the name."""

from collections.abc import Mapping
from typing import NamedTuple

import av

from callrec.recorder.compose.labels import TILE_RGB, avatar, name_stamp
from callrec.recorder.compose.layout import Rect, arrange, fit
from callrec.recorder.compose.picture import StreamPicture
from callrec.recorder.compose.planes import frame_planes
from callrec.recorder.compose.scene import EMPTY, Scene, Seat, SeatSource

# A camera that has sent nothing for this long is off, or its sender is gone.
_STALE_MS = 4000
_BACKGROUND = (23, 128, 128)
_LABEL_INSET = 8 / 540  # of the tile's height


def _yuv(rgb: tuple[int, int, int]) -> tuple[int, int, int]:
    red, green, blue = rgb  # BT.601, limited range
    return (
        round(16 + (65.481 * red + 128.553 * green + 24.966 * blue) / 255),
        round(128 + (-37.797 * red - 74.203 * green + 112.0 * blue) / 255),
        round(128 + (112.0 * red - 93.786 * green - 18.214 * blue) / 255),
    )


_TILE = _yuv(TILE_RGB)


Pictures = Mapping[tuple[str, SeatSource], list[StreamPicture]]
"""Of each participant and source the streams, newest last."""


class _Shown(NamedTuple):
    """What a tile shows; as long as it stays equal nothing is drawn."""

    seat: Seat
    stream: StreamPicture | None
    frame_ms: float | None


class Canvas:
    """The film's picture. What did not change since the last one is not drawn again."""

    def __init__(self, width_px: int, height_px: int) -> None:
        self.frame = av.VideoFrame(width_px, height_px, "yuv420p")
        """The picture; changed by ``draw``."""
        self._size = Rect(0, 0, width_px, height_px)
        self._planes = frame_planes(self.frame)
        self._planes.fill(self._size, _BACKGROUND)
        self._scene = EMPTY
        self._tiles: list[Rect] = []
        self._shown: list[_Shown] = []

    def draw(self, scene: Scene, pictures: Pictures, at_ms: float) -> None:
        """Draw *scene* at *at_ms*, to where *pictures* were advanced."""
        seats = scene.stage + scene.strip
        wanted = [_choose(seat, pictures.get((seat.participant, seat.source), []), at_ms) for seat in seats]
        if _places_of(scene) != _places_of(self._scene):
            self._planes.fill(self._size, _BACKGROUND)
            places = arrange(scene, self._size.width, self._size.height)
            self._tiles = places.stage + places.strip
            self._shown = []
        self._scene = scene
        for index, (tile, shown) in enumerate(zip(self._tiles, wanted, strict=True)):
            before = self._shown[index] if self._shown else None
            if shown != before:
                self._draw_tile(tile, shown)
        self._shown = wanted

    def _draw_tile(self, tile: Rect, shown: _Shown) -> None:
        seat, stream = shown.seat, shown.stream
        size = stream.size if stream else None
        if stream is None or size is None:
            self._planes.put(avatar(seat.participant, seat.name, tile.width, tile.height), tile)
        else:
            place = fit(*size, tile)
            if place != tile:
                self._planes.fill(tile, _TILE)
            self._planes.put(stream.scaled(place.width, place.height), place)
        label = name_stamp(seat.name, tile.width, tile.height)
        inset = round(tile.height * _LABEL_INSET / 2) * 2
        label.lay(self._planes, tile.x + inset, tile.y + tile.height - inset - label.height)


def _places_of(scene: Scene) -> tuple[object, ...]:
    """Return what decides where each seat's tile lies."""
    return (
        scene.arrangement,
        [(seat.participant, seat.source) for seat in scene.stage],
        [(seat.participant, seat.source) for seat in scene.strip],
    )


def _choose(seat: Seat, streams: list[StreamPicture], at_ms: float) -> _Shown:
    begins_soon: StreamPicture | None = None
    for stream in reversed(streams if seat.picture else []):
        if stream.size is None or stream.shown_ms is None:
            continue
        if stream.early:  # instead of initials, not instead of a picture that goes on
            begins_soon = stream
            continue
        if at_ms - stream.shown_ms < _STALE_MS:
            return _Shown(seat, stream, stream.shown_ms)
        break
    return _Shown(seat, begins_soon, begins_soon.shown_ms if begins_soon else None)
