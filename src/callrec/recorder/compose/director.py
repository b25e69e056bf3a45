"""Decides the scene of each moment from who is there, who speaks, and which layout was asked for. Pure."""

from callrec.recorder.compose.presence import Roster
from callrec.recorder.compose.scene import LayoutChoice, Scene


class Director:
    """Says what is shown when."""

    def __init__(self, roster: Roster, layout: LayoutChoice) -> None:
        """*roster*: who is there, up to the last moment that is asked for."""
        self._roster = roster
        self._layout = layout

    def at(self, ms: float) -> Scene:
        """Return the scene at *ms* of the recording's time line."""
        return Scene("grid", self._roster.at(ms))
