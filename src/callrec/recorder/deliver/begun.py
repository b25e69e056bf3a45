"""An upload in chunks of which the backend has a part, and how that is noted beside the film.

It is noted before more is sent, so a recorder that was restarted goes on there
(docs/recording-folder.md).
"""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import msgspec
import structlog

from callrec.errors import FolderDamaged
from callrec.recorder.folder.durable import replace_file
from callrec.recorder.folder.moments import UnixSeconds
from callrec.recorder.folder.small_file import read_small_file

Stamp = tuple[int, int]
"""Size in bytes and time of change in ns: tells one film from another of its name."""

log = structlog.get_logger()


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
    begun_at: float = 0.0
    """When the link was given; Unix seconds."""
    noted_sha256: str | None = None
    """Of one that was read from its note: what ``digest`` must come to, once the film was read so far."""


class _Note(msgspec.Struct, frozen=True):
    """The file upload.json."""

    link_token: str
    link_password: str
    link_file_name: str
    folder: str
    film_bytes: int
    film_changed_ns: int
    chunk_bytes: int
    chunks: int
    sent_bytes: int
    sent_sha256: str
    is_whole: bool
    begun_at: UnixSeconds


class UploadNote:
    """The file *path*, which has one writer."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def recording_id(self) -> str:
        """The recording whose folder it lies in."""
        return self._path.parent.name

    def read(self) -> Begun | None:
        """Return what is noted, if anything is."""
        try:
            note = msgspec.json.decode(read_small_file(self._path), type=_Note)
        except (FolderDamaged, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            if self._path.exists():
                log.info("upload_note_damaged", recording=self.recording_id, error=str(error))
            return None
        return Begun(
            link=Link(note.link_token, note.link_password, note.link_file_name),
            folder=note.folder,
            film=(note.film_bytes, note.film_changed_ns),
            chunk_bytes=note.chunk_bytes,
            is_open=True,
            chunks=note.chunks,
            sent_bytes=note.sent_bytes,
            is_whole=note.is_whole,
            begun_at=note.begun_at,
            noted_sha256=note.sent_sha256,
        )

    def content(self, begun: Begun | None) -> bytes | None:
        """Return what is to be written of *begun*, as it is now."""
        if begun is None:
            return None
        return msgspec.json.encode(
            _Note(
                *begun.link,
                folder=begun.folder,
                film_bytes=begun.film[0],
                film_changed_ns=begun.film[1],
                chunk_bytes=begun.chunk_bytes,
                chunks=begun.chunks,
                sent_bytes=begun.sent_bytes,
                sent_sha256=begun.noted_sha256 or begun.digest.hexdigest(),
                is_whole=begun.is_whole,
                begun_at=begun.begun_at,
            )
        )

    def write(self, content: bytes | None) -> None:
        """Replace the file durably; None: there is nothing to go on with. Raises OSError."""
        if content is None:
            self._path.unlink(missing_ok=True)
        else:
            replace_file(self._path, content)
