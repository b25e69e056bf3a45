"""The recordings this recorder knows: one folder each, its manifest the durable record of the request."""

import os
import shutil
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec
import structlog

from callrec import clock
from callrec.errors import SettingsError
from callrec.recorder.capture.timebase import TimeBase, new_anchor
from callrec.recorder.folder.durable import sync_directory
from callrec.recorder.folder.manifest import ActorName, Manifest, write_manifest
from callrec.recorder.folder.paths import FolderPaths
from callrec.recorder.folder.timeline import read_timeline
from callrec.recorder.lifecycle.ages import by_age, newest_of_rooms, next_sequence, supersedes
from callrec.recorder.lifecycle.counts import RecordingCounts
from callrec.recorder.lifecycle.found import Damaged, own_manifest, read_home
from callrec.recorder.lifecycle.names import new_file_name, new_id
from callrec.recorder.lifecycle.removal import NEW, REMOVED_NAME, SET_ASIDE, delete, set_aside
from callrec.recorder.lifecycle.states import ELSEWHERE, REMOVED, Change, Gone, may_follow, present_state
from callrec.settings import BackendSettings
from callrec.wire.recording import Start

log = structlog.get_logger()


class Recordings:
    """All recording folders below ``root``, and below the *homes* beside it."""

    def __init__(
        self,
        root: Path,
        counts: RecordingCounts | None = None,
        *,
        homes: Iterable[Path] = (),
        home_of: Callable[[str], Path] | None = None,
    ) -> None:
        """Read what is there, and finish what a crash interrupted. Raises SettingsError: one cannot be read.

        *home_of* tells in which home a new recording of the backend with that URL belongs, by default *root*.
        """
        self._root = root
        self._counts = counts
        self._home_of = home_of or (lambda _url: root)
        self.listeners: list[Callable[[Change], None]] = []
        """Called with each change of a state, also by other threads; they must not raise."""
        self.unread_listeners: list[Callable[[str], None]] = []
        """Called with the id when one is removed whose manifest could not be read; as above."""
        self.copied: set[str] = set()
        """Of whose folders all is elsewhere, too: nothing need stay."""
        self.found_removed: set[str] = set()
        """What a removal that was cut short had left: maybe nobody was told of it."""
        self.removing: set[str] = set()
        """What is being removed, and not told of yet."""
        self.in_memory: set[str] = set()
        """What cannot be written down, and goes on all the same until it can."""
        self._damaged: list[Damaged] = []
        self._homes: dict[str, Path] = {}
        """Where each recording lies."""
        self._known: dict[str, Manifest] = {}
        """By age: the order of creation counts, because wall time may jump."""
        self._unwritten: set[str] = set()
        """How these stand is known in memory alone: a folder is away, or cannot be written."""
        for home in dict.fromkeys([root, *homes]):
            try:
                home.mkdir(parents=True, exist_ok=True)
                self._read(home)
            except OSError as error:
                raise SettingsError(f"recordings directory {home}: {error.strerror or error}") from error
        self._known = by_age(self._known)
        self._newest: dict[tuple[str, str], str] = {}
        """Of each room; it stays when that one is removed: an older one must not speak for the room again."""
        self._find_newest()

    def _read(self, home: Path) -> None:
        for folder in list(home.iterdir()):
            if folder.name.startswith(REMOVED_NAME):
                self.found_removed.add(folder.name.removeprefix(REMOVED_NAME))
            if folder.name.startswith((NEW, REMOVED_NAME)):
                delete(folder.name.lstrip(".").partition("-")[2], folder)
        for folder, found in read_home(home):
            if isinstance(found, Damaged):
                self._damaged.append(found)
                log.error("recording_folder_damaged", recording=folder.name, error=found.error)
                continue
            self._known[folder.name] = msgspec.structs.replace(found, state=present_state(found))
            self._homes[folder.name] = home

    def take_up(self, home: Path) -> set[str]:
        """Read a *home* that is there only now; returns the ids of what lies there. Raises OSError."""
        before = set(self._known)
        self._read(home)
        found = self._known.keys() - before
        self._known = by_age(self._known)
        for recording_id in found:
            manifest = self._known[recording_id]
            room = (manifest.backend, manifest.token)
            latest = self.latest(*room)
            # Where the newest has been removed, an older one must not speak for the room again.
            if room not in self._newest or (latest is not None and supersedes(manifest, latest)):
                self._newest[room] = recording_id
        return found

    def damaged(self) -> list[Damaged]:
        """Return the recordings whose manifests could not be read, as far as they still lie there."""
        return [damaged for damaged in self._damaged if os.path.lexists(damaged.folder)]

    def ids(self) -> list[str]:
        """Return the ids, oldest first."""
        return list(self._known)

    def all(self) -> list[Manifest]:
        """Return all manifests, oldest first."""
        return list(self._known.values())

    def get(self, recording_id: str) -> Manifest | None:
        """Return the manifest of a recording."""
        return self._known.get(recording_id)

    def paths(self, recording_id: str) -> FolderPaths:
        """Return where the recording's files lie."""
        return FolderPaths(self._homes.get(recording_id, self._root) / recording_id)

    def is_gone(self, recording_id: str) -> bool:
        """Tell whether the folder is there no more: deleted, or its disk unmounted. Raises OSError."""
        return not self.paths(recording_id).root.exists()

    def home(self, backend_url: str) -> Path:
        """Return where new recordings of the backend lie."""
        return self._home_of(backend_url)

    def create(
        self, backend: BackendSettings, token: str, start: Start, named: tuple[str, str] | None = None
    ) -> Manifest:
        """Persist a start request as a new recording folder; *named*: its id and its film's name.

        Raises OSError.
        """
        anchor = new_anchor()
        stamp = time.gmtime(anchor.wall_s)
        if named is None:
            taken = {m.file_name for m in self._of_room(backend.url, token)}
            named = new_id(stamp), new_file_name(stamp, backend, start, taken)
        recording_id, file_name = named
        manifest = Manifest(
            recording_id=recording_id,
            backend=backend.url,
            token=token,
            video=start.is_video,
            owner=start.owner,
            actor=ActorName(start.actor.type, start.actor.id),
            file_name=file_name,
            anchor=anchor,
            sequence=next_sequence(self._known.values()),
            state_at=anchor.wall_s,
        )
        home = self._home_of(backend.url)
        new, final = FolderPaths(home / (NEW + recording_id)), home / recording_id
        if final.exists():  # one whose manifest cannot be read: it is not ours to overwrite, or to remove
            raise FileExistsError(f"{final} is there already")
        try:
            new.create()
            write_manifest(new.manifest, manifest)
            new.root.rename(final)
            sync_directory(home)
        except OSError:
            for root in (new.root, final):
                shutil.rmtree(root, ignore_errors=True)  # what was refused must not begin after a restart
            raise
        self._homes[recording_id] = home
        self._known[recording_id] = manifest
        self._newest[backend.url, token] = recording_id
        self._tell(Change(manifest, None, manifest.state))
        if self._counts is not None:
            self._counts.accepted(manifest)
        return manifest

    def adopt(self, home: Path, recording_id: str) -> None:
        """Take up a folder that has appeared in *home*. Raises FolderDamaged."""
        manifest = own_manifest(home / recording_id)
        is_newest = supersedes(manifest, self.latest(manifest.backend, manifest.token))
        # Another recorder has counted it among its own. Written with its next change.
        sequence = next_sequence(self._known.values()) if is_newest else 0
        self._homes[recording_id] = home
        self._known[recording_id] = msgspec.structs.replace(manifest, sequence=sequence)
        if is_newest:
            self._newest[manifest.backend, manifest.token] = recording_id

    def update(self, recording_id: str, **changes: Any) -> Manifest:
        """Change fields of the manifest durably; returns the new manifest.

        A new state begins without failed attempts; who listens is told when it is durable.
        Where the folder is gone, or given up, nothing can be durable: it is changed in memory alone.
        Raises OSError, KeyError.
        """
        before = self._known[recording_id]
        state = changes.get("state", before.state)
        if state != before.state:
            assert may_follow(before.state, state), f"{state} does not follow {before.state}"
            changes = {
                "state_at": clock.wall_s(),
                "attempts": 0,
                "tried_s": 0.0,
                "next_attempt_at": None,
                "error": None,
                "parked_from": None,
            } | changes
        manifest = msgspec.structs.replace(before, **changes)
        try:
            write_manifest(self.paths(recording_id).manifest, manifest)
        except OSError as error:
            is_gone = isinstance(error, FileNotFoundError) and self.is_gone(recording_id)
            if not is_gone and recording_id not in self.in_memory:
                raise
            # What comes of it can only be remembered: otherwise it would be on its way for ever.
            self._unwritten.add(recording_id)
            if manifest.state != before.state:
                if is_gone:
                    log.error("recording_folder_gone", recording=recording_id, state=manifest.state)
                else:
                    log.error("recording_not_written", recording=recording_id, error=str(error))
        else:
            self._unwritten.discard(recording_id)
            self.in_memory.discard(recording_id)
        self._known[recording_id] = manifest
        if manifest.state != before.state:
            log.info("recording_state", recording=recording_id, state=manifest.state, before=before.state)
            self._tell(Change(manifest, before.state, manifest.state))
        if self._counts is not None and before.outcome is None and manifest.outcome is not None:
            self._counts.closed(manifest)
        return manifest

    def write_back(self) -> None:
        """Write how those stand whose folders are back: a recorder that starts anew goes by that."""
        for recording_id in list(self._unwritten):
            try:
                if recording_id not in self._known:
                    self._unwritten.discard(recording_id)
                elif not self.is_gone(recording_id):
                    self.update(recording_id)
            except OSError as error:
                log.warning("recording_not_written_back", recording=recording_id, error=str(error))

    def _tell(self, change: Change) -> None:
        for listener in self.listeners:
            listener(change)

    def now_ms(self, recording_id: str) -> int:
        """Return the present moment on the recording's time line."""
        anchor = self._known[recording_id].anchor
        try:
            return TimeBase(anchor, read_timeline(self.paths(recording_id).timeline)).now_ms()
        except OSError:  # a stop must not depend on it: wall time tells
            return TimeBase(anchor).now_ms()

    def _of_room(self, backend_url: str, token: str) -> list[Manifest]:
        return [m for m in list(self._known.values()) if (m.backend, m.token) == (backend_url, token)]

    def latest(self, backend_url: str, token: str) -> Manifest | None:
        """Return the room's newest recording, whatever its state; None when that one has been removed."""
        newest = self._newest.get((backend_url, token))
        return None if newest is None else self._known.get(newest)

    def newest(self, backend_url: str, token: str) -> str | None:
        """Return the id of the room's newest recording, also of one that has been removed."""
        return self._newest.get((backend_url, token))

    def _find_newest(self) -> None:
        self._newest = newest_of_rooms(self._known.values())

    def move_to_backend(self, backend_url: str) -> None:
        """Let all recordings belong to *backend_url*: the one backend was given another address."""
        for recording_id, manifest in list(self._known.items()):
            if manifest.backend != backend_url:
                log.warning("recording_moved", recording=recording_id, old=manifest.backend, new=backend_url)
                try:
                    self.update(recording_id, backend=backend_url)
                except OSError as error:  # a full disk: it is written with the next change
                    log.warning("recording_move_not_written", recording=recording_id, error=str(error))
                    self._known[recording_id] = msgspec.structs.replace(manifest, backend=backend_url)
        self._find_newest()

    def remove(self, recording_id: str, why: Gone = REMOVED) -> bool:
        """Delete the recording; return whether all its files are gone. May be repeated. Raises OSError.

        One that is elsewhere now is set aside: this folder may hold what the other one lacks.
        """
        home = self._homes.get(recording_id, self._root)
        folder = home / recording_id
        removed = home / (REMOVED_NAME + recording_id)
        self.removing.add(recording_id)
        manifest = self._known.pop(recording_id, None)  # first: what still runs writes no manifest any more
        try:
            if folder.exists():
                folder.rename(removed)
                sync_directory(home)
        except OSError:
            if manifest is not None:
                self._known = by_age({**self._known, recording_id: manifest})
            self.removing.discard(recording_id)
            raise
        if why == ELSEWHERE and manifest is not None and recording_id not in self.copied:
            set_aside(manifest, removed)
        if manifest is not None:  # before the last of it goes: a crash leaves a sign that it was us
            self._tell(Change(manifest, manifest.state, why))
        self.removing.discard(recording_id)
        is_gone = delete(recording_id, removed)
        self.copied.discard(recording_id)
        self._homes.pop(recording_id, None)
        return is_gone

    def remove_damaged(self, damaged: Damaged) -> None:
        """Delete a recording whose manifest cannot be read. May be repeated. Raises OSError."""
        recording_id = damaged.folder.name
        removed = damaged.folder.with_name(REMOVED_NAME + recording_id)
        self.removing.add(recording_id)
        try:
            damaged.folder.rename(removed)
            sync_directory(removed.parent)
            for listener in self.unread_listeners:
                listener(recording_id)
        finally:
            self.removing.discard(recording_id)
        self._damaged.remove(damaged)
        delete(recording_id, removed)

    def set_aside(self) -> list[Path]:
        """Return the folders that were set aside, oldest first."""
        homes = dict.fromkeys([self._root, *self._homes.values()])
        found = [folder for home in homes for folder in home.glob(f"{SET_ASIDE}*")]
        return sorted(found, key=lambda folder: folder.stat().st_mtime)
