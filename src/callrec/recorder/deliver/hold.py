"""Whether what is being sent is still this recorder's to send."""

import io
from collections.abc import Callable
from pathlib import Path

from callrec.errors import HoldLost

Hold = Callable[[], bool]
"""Tells, at once and by this machine's clock alone, that no other recorder can have the recording yet."""


def always() -> bool:
    """Hold on: there are no other recorders."""
    return True


def check(hold: Hold) -> None:
    """Raise HoldLost unless *hold* tells that nobody else can have it."""
    if not hold():
        raise HoldLost("another recorder may have it by now")


class HeldFile(io.FileIO):
    """A film of which nothing can be read once the hold is lost: reads raise HoldLost.

    That is so at its end, too: what follows in a form completes it.
    """

    def __init__(self, path: Path, hold: Hold) -> None:
        super().__init__(path, "rb")
        self._hold = hold

    def read(self, size: int | None = -1) -> bytes:
        """Return up to *size* bytes."""
        check(self._hold)
        return super().read(-1 if size is None else size) or b""
