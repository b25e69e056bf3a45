"""What is on its way to a backend: how far it is, what the backend has, whether only its word is missing."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import structlog

from callrec import clock
from callrec.errors import BackendError
from callrec.recorder.deliver.begun import Begun, UploadNote
from callrec.recorder.deliver.hold import Hold, always

UNTOLD = frozenset({408, 502, 504})
"""Statuses with which a proxy says that it does not know what came of a request."""

log = structlog.get_logger()


class Errand:
    """A report, or a film; it outlives an attempt, so that the next one goes on where that was."""

    def __init__(self, note: UploadNote | None = None) -> None:
        """*note*: what was begun outlives this process there."""
        self.total_bytes: int | None = None
        """Of the film that is being sent; None: there is none, or not yet."""
        self._note = note
        self.begun: Begun | None = note.read() if note is not None else None
        self.is_doubtful = False
        """All was sent, and the answer never came: the backend may have it."""
        self.ended_by = ""
        """The answer for which another link was asked for last."""
        self.hold: Hold = always
        """Of the attempt that runs: nothing is sent any more when it is lost."""
        self._asked: asyncio.Event | None = None
        self._file: BinaryIO | None = None

    @property
    def sent_bytes(self) -> int:
        """How much of the film has been sent, and is not known to be lost."""
        if self._file is not None:
            return self._file.tell()
        return self.begun.sent_bytes + self.begun.leaving_bytes if self.begun is not None else 0

    async def note(self) -> None:
        """Make durable what was begun, or that nothing is."""
        if self._note is None:
            return
        content = self._note.content(self.begun)
        writing = asyncio.ensure_future(asyncio.to_thread(self._note.write, content))
        try:
            await asyncio.shield(writing)
        except asyncio.CancelledError:
            await asyncio.gather(writing, return_exceptions=True)  # a thread goes on: nobody must meet it
            raise
        except OSError as error:  # a full disk: the upload will make room
            log.warning("upload_not_noted", recording=self._note.recording_id, error=str(error))

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
