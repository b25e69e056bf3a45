"""What is on its way to a backend: how far it is, what the backend has, whether only its word is missing.

In memory only: a recorder that was restarted begins an upload anew.
"""

import asyncio
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import BinaryIO, NamedTuple

from callrec import clock
from callrec.errors import BackendError

Stamp = tuple[int, int]
"""Size in bytes and time of change in ns: tells one film from another of its name."""


UNTOLD = frozenset({408, 502, 504})
"""Statuses with which a proxy says that it does not know what came of a request."""


class Link(NamedTuple):
    """An upload link: where one file can be sent to for a day."""

    token: str
    password: str
    file_name: str
    """As the backend calls the file."""


@dataclass
class Begun:
    """An upload in chunks of which the backend has a part."""

    link: Link
    folder: str
    """URL of the collection of its chunks."""
    film: Stamp
    chunk_bytes: int
    is_open: bool = False
    """The backend has agreed to the collection."""
    chunks: int = 0
    """So many the backend has, all but the last of them ``chunk_bytes`` large …"""
    sent_bytes: int = 0
    """… together."""
    leaving_bytes: int = 0
    """… and so much of the next one is on its way."""
    digest: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    """SHA-256 of what the backend has."""
    is_whole: bool = False
    """They are put together: it is a file, and the collection is gone."""


class Errand:
    """A report, or a film; it outlives an attempt, so that the next one goes on where that was."""

    def __init__(self) -> None:
        self.total_bytes: int | None = None
        """Of the film that is being sent; None: there is none, or not yet."""
        self.begun: Begun | None = None
        self.is_doubtful = False
        """All was sent, and the answer never came: the backend may have it."""
        self._asked: asyncio.Event | None = None
        self._file: BinaryIO | None = None

    @property
    def sent_bytes(self) -> int:
        """How much of the film has been sent, and is not known to be lost."""
        if self._file is not None:
            return self._file.tell()
        return self.begun.sent_bytes + self.begun.leaving_bytes if self.begun is not None else 0

    @contextmanager
    def asking(self, file: BinaryIO | None = None) -> Iterator[None]:
        """Mark the request whose answer settles the errand; *file* is the film, where it goes with it."""
        asked = self._asked = asyncio.Event()
        self._file = file
        try:
            yield
        except (asyncio.CancelledError, BackendError) as error:
            told = isinstance(error, BackendError) and error.status not in (None, *UNTOLD)
            self.is_doubtful |= self._all_is_sent and not told
            raise
        finally:
            asked.set()
            self._asked = self._file = None

    async def word(self, timeout_s: float) -> None:
        """Wait for the backend's word, if only that is missing, but not longer than *timeout_s*."""
        if self._asked is not None and self._all_is_sent:
            await clock.is_set_within(self._asked, timeout_s)

    @property
    def _all_is_sent(self) -> bool:
        return self._file is None or self.total_bytes is None or self._file.tell() >= self.total_bytes
