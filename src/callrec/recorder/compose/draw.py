"""Draws a scene: each seat's newest picture or initials, its name and marks, and the notes over all."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import av

from callrec.recorder.compose import palette
from callrec.recorder.compose.film import Look
from callrec.recorder.compose.labels import avatar, label_corner, name_stamp
from callrec.recorder.compose.layout import Rect, arrange, fit
from callrec.recorder.compose.marks import Mark
from callrec.recorder.compose.notes import Note, Notes
from callrec.recorder.compose.picture import StreamPicture
from callrec.recorder.compose.planes import Planes, frame_planes, overlap, yuv
from callrec.recorder.compose.rim import Rim
from callrec.recorder.compose.scene import EMPTY, Scene, Seat, SeatSource

# A camera that has sent nothing for this long is off, or its sender is gone. A screen on which nothing moves
# may send nothing for minutes: it is shown as long as it is shared.
_STALE_MS = 4000
_BACKGROUND, _TILE = yuv(palette.BACKGROUND), yuv(palette.TILE)


Pictures = Mapping[tuple[str, SeatSource], list[StreamPicture]]
"""Of each participant and source the streams, newest last."""


class _Shown(NamedTuple):
    """What a tile shows; as long as it stays equal nothing is drawn."""

    seat: Seat
    stream: StreamPicture | None
    frame_ms: float | None


class _Tile(NamedTuple):
    place: Rect
    rim: Rim
    notes: list[Note]
    """Those that lie over it."""


class Canvas:
    """The film's picture. What did not change since the last one is not drawn again."""

    def __init__(self, width_px: int, height_px: int, notes: Notes | None = None) -> None:
        self.frame = av.VideoFrame(width_px, height_px, "yuv420p")
        """The picture; changed by ``draw``."""
        self._size = Rect(0, 0, width_px, height_px)
        self._planes = frame_planes(self.frame)
        self._planes.fill(self._size, _BACKGROUND)
        self._notes = notes or Notes(width_px, height_px, Look(), started_ms=0, wall_s=0)
        self._laid: tuple[Note, ...] = ()
        self._scene = EMPTY
        self._tiles: list[_Tile] = []
        self._shown: list[_Shown] = []

    def draw(self, scene: Scene, pictures: Pictures, at_ms: float) -> bool:
        """Draw *scene* at *at_ms*, to where *pictures* were advanced; tell whether anything has changed."""
        seats = scene.stage + scene.strip
        wanted = [_choose(seat, pictures.get((seat.participant, seat.source), []), at_ms) for seat in seats]
        notes = self._notes.at(scene, at_ms)
        if notes is not self._laid or _frame_of(scene) != _frame_of(self._scene):
            self._arrange(scene, notes)
            for tile, shown in zip(self._tiles, wanted, strict=True):
                tile.rim.draw_outside(self._planes)
                self._draw_tile(tile, shown)
            for note in notes:
                note.stamp.lay(self._planes, note.x, note.y)
            changed = True
        else:
            changed = wanted != self._shown
            for tile, shown, before in zip(self._tiles, wanted, self._shown, strict=True):
                if shown != before:
                    self._draw_tile(tile, shown)
                    for note in tile.notes:
                        note.stamp.lay(self._planes, note.x, note.y, tile.place)
        self._scene, self._shown = scene, wanted
        return changed

    def _arrange(self, scene: Scene, notes: tuple[Note, ...]) -> None:
        """Begin a picture anew: where everything is, on an empty ground."""
        self._planes.fill(self._size, _BACKGROUND)
        places = arrange(scene, self._size.width, self._size.height)
        tiles = places.stage + places.strip
        seats = scene.stage + scene.strip
        room = _room(tiles, self._size)
        self._tiles = [
            _Tile(
                tile,
                Rim(tile, room, self._size.height, speaking=seat.speaking),
                [n for n in notes if overlap(tile, Rect(n.x, n.y, n.stamp.width, n.stamp.height))],
            )
            for tile, seat in zip(tiles, seats, strict=True)
        ]
        self._laid = notes

    def _draw_tile(self, tile: _Tile, shown: _Shown) -> None:
        place, (seat, stream) = tile.place, shown[:2]
        size = stream.size if stream else None
        if stream is None or size is None:
            self._planes.put(avatar(seat.participant, seat.name, place.width, place.height), place)
        else:
            inner = fit(*size, place)
            _fill_around(self._planes, place, inner)
            self._planes.put(stream.scaled(inner.width, inner.height), inner)
        tile.rim.draw_inside(self._planes)
        label = name_stamp(seat.name, place.width, place.height, marks=_marks(seat))
        label.lay(self._planes, *label_corner(place, label), place)


def _frame_of(scene: Scene) -> tuple[object, ...]:
    """Return what decides where each seat's tile lies, and what is around it."""
    return (
        scene.arrangement,
        [(seat.participant, seat.source, seat.speaking) for seat in scene.stage],
        [(seat.participant, seat.source, seat.speaking) for seat in scene.strip],
    )


def _marks(seat: Seat) -> tuple[Mark, ...]:
    """Return what stands before a name; of a screen nothing but that it is one."""
    if seat.source == "screen":
        return ("screen",)
    return (*(("hand",) if seat.hand else ()), *(("muted",) if seat.muted else ()))


def _room(tiles: Sequence[Rect], canvas: Rect) -> int:
    """Return how much is free around each tile: up to the canvas's edge, or half the way to the next one."""
    room = min((min(t.x, t.y) for t in tiles), default=0)
    for index, tile in enumerate(tiles):
        room = min(room, canvas.width - tile.x - tile.width, canvas.height - tile.y - tile.height)
        for other in tiles[:index]:
            along = max(tile.x - other.x - other.width, other.x - tile.x - tile.width)
            down = max(tile.y - other.y - other.height, other.y - tile.y - tile.height)
            room = min(room, max(along, down) // 2)
    return room


def _fill_around(planes: Planes, tile: Rect, inner: Rect) -> None:
    """Paint what a picture leaves free of its tile."""
    x, y, width, height = tile
    right, bottom = inner.x + inner.width, inner.y + inner.height
    for part in (
        Rect(x, y, width, inner.y - y),
        Rect(x, bottom, width, y + height - bottom),
        Rect(x, inner.y, inner.x - x, inner.height),
        Rect(right, inner.y, x + width - right, inner.height),
    ):
        if part.width and part.height:
            planes.fill(part, _TILE)


def _choose(seat: Seat, streams: list[StreamPicture], at_ms: float) -> _Shown:
    begins_soon: StreamPicture | None = None
    for stream in reversed(streams if seat.picture else []):
        if stream.size is None or stream.shown_ms is None:
            continue
        if stream.early:  # instead of initials, not instead of a picture that goes on
            begins_soon = stream
            continue
        if seat.source == "screen" or at_ms - stream.shown_ms < _STALE_MS:
            return _Shown(seat, stream, stream.shown_ms)
        break
    return _Shown(seat, begins_soon, begins_soon.shown_ms if begins_soon else None)
