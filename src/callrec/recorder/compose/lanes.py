"""Which streams follow each other in one file: those of one participant's microphone after a reload. Pure."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

_Key = TypeVar("_Key", bound=Hashable)
_File = TypeVar("_File")


@dataclass
class _Lane(Generic[_File]):
    file: _File
    end: float
    stream: Hashable


@dataclass
class Lanes(Generic[_Key, _File]):
    """The files of each *key*; ``open_file`` makes the next one, told the key and its number from 1 on."""

    open_file: Callable[[_Key, int], _File]
    _lanes: dict[_Key, list[_Lane[_File]]] = field(default_factory=dict)

    def take(self, key: _Key, stream: Hashable, start: float, end: float) -> _File:
        """Return the file for what *stream* sent from *start* to *end*.

        A stream stays in its file while no other one has sent there at the same time.
        """
        lanes = self._lanes.setdefault(key, [])
        free = [lane for lane in lanes if lane.stream == stream or lane.end <= start]
        own = [lane for lane in free if lane.stream == stream]
        for lane in own[-1:] or free[:1]:
            lane.stream, lane.end = stream, max(end, lane.end)
            return lane.file
        lane = _Lane(self.open_file(key, len(lanes) + 1), end, stream)
        lanes.append(lane)
        return lane.file

    def holds(self, key: _Key, stream: Hashable) -> bool:
        """Tell whether what *stream* sends goes on in a file that is there."""
        return any(lane.stream == stream for lane in self._lanes.get(key, []))

    @property
    def files(self) -> list[_File]:
        """All files, in the order of their keys and numbers."""
        return [lane.file for lanes in self._lanes.values() for lane in lanes]
