"""What an operator sees of the recordings, and does with them."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from pathlib import Path

import msgspec
import structlog

from callrec import clock
from callrec.errors import OperatorRefused, PoolAway
from callrec.recorder.deliver.errand import Errand
from callrec.recorder.folder.manifest import Manifest
from callrec.recorder.folder.paths import FolderPaths
from callrec.recorder.lifecycle import interventions
from callrec.recorder.lifecycle.alarms import Alarms
from callrec.recorder.lifecycle.attempts import Attempts
from callrec.recorder.lifecycle.course import Changes
from callrec.recorder.lifecycle.elsewhere import NowhereElse, ParkedElsewhere
from callrec.recorder.lifecycle.entries import Entry, damaged_entry, elsewhere_entry, entry_of
from callrec.recorder.lifecycle.found import Damaged
from callrec.recorder.lifecycle.interventions import (
    DAMAGED,
    DISK_FAILED,
    NO_FILM,
    NO_SUCH_RECORDING,
    POOL_AWAY,
)
from callrec.recorder.lifecycle.recordings import Recordings
from callrec.recorder.lifecycle.sizes import Sizes

log = structlog.get_logger()


class Details(msgspec.Struct, frozen=True):
    """All that is known of one recording."""

    recording: Entry
    manifest: Manifest | None
    """None: it cannot be read."""
    folder: str
    """Empty where it lies at another recorder."""
    output: dict[str, int]
    """Finished files, with their sizes in bytes."""


class Deleted(msgspec.Struct, frozen=True):
    """What an operator should know of a recording that is gone."""

    delivered: bool | None
    """Whether the backend has the film; None: all of it was sent, and the backend has not answered, or the
    manifest could not be read."""


class Operator:
    """Carries out what an operator asks for. All methods raise OperatorRefused where it cannot be done."""

    def __init__(
        self,
        *,
        recordings: Recordings,
        alarms: Alarms,
        attempts: Attempts,
        sizes: Sizes,
        begin: Callable[[str], Awaitable[None]],
        end_composing: Callable[[str], Awaitable[None]],
        give_up: Callable[[Manifest, Errand], Awaitable[None]],
        removing: Callable[[Manifest], AbstractAsyncContextManager[None]] | None = None,
        removing_unread: Callable[[str], AbstractAsyncContextManager[None]] | None = None,
        elsewhere: ParkedElsewhere | None = None,
        ending_for_s: Callable[[str], float] | None = None,
        capture_held: Callable[[str], AbstractAsyncContextManager[None]] | None = None,
    ) -> None:
        """*begin* starts the workflow of a recording that has none.

        *give_up* tells the backend that a film will not come, and has it delete what it has of it. A folder
        is deleted within *removing*, which makes known to other recorders that it is to be gone; where its
        manifest cannot be read, within *removing_unread*. *elsewhere*: what is parked at recorders that are
        gone. *ending_for_s* tells how long ago a capture was told to end, or did; *capture_held* ends one,
        and lets no other begin.
        """
        self._recordings = recordings
        self._alarms = alarms
        self._attempts = attempts
        self._sizes = sizes
        self._begin = begin
        self._end_composing = end_composing
        self._give_up = give_up
        self._elsewhere = elsewhere or NowhereElse()
        self._ending_for_s = ending_for_s or (lambda _recording_id: 0.0)
        self._capture_held = capture_held or (lambda _recording_id: nullcontext())
        self._removing = removing or (lambda _manifest: nullcontext())
        self._removing_unread = removing_unread or (lambda _recording_id: nullcontext())

    async def list(self) -> list[Entry]:
        """Return all recordings, newest first; before them those that are damaged, or parked elsewhere."""
        await self._sizes.look()
        first = [self._damaged_entry(damaged) for damaged in self._recordings.damaged()]
        first += [elsewhere_entry(elsewhere, clock.wall_s()) for elsewhere in self._elsewhere.all()]
        return first + [self._entry(manifest) for manifest in reversed(self._recordings.all())]

    async def show(self, recording_id: str) -> Details:
        """Return what is known of one."""
        damaged = self._damaged(recording_id)
        if damaged is not None:
            await self._sizes.look()
            return damaged_details(damaged, self._damaged_entry(damaged))
        for elsewhere in self._elsewhere.all():
            if elsewhere.recording_id == recording_id and elsewhere.manifest is not None:
                return Details(elsewhere_entry(elsewhere, clock.wall_s()), elsewhere.manifest, "", {})
        await self._sizes.look()
        manifest = self._get(recording_id)
        paths = self._recordings.paths(recording_id)
        return Details(
            recording=self._entry(manifest),
            manifest=manifest,
            folder=str(paths.root.absolute()),
            output=finished_files(paths.output),
        )

    async def retry(self, recording_id: str) -> Entry:
        """Try now what waits, or let go on what is parked, with all its attempts before it.

        An attempt that runs is ended first, unless it succeeds in this very moment; the next one goes on with
        what that one has finished. What is parked at a recorder that is gone is fetched here before.
        """
        if not self._is_here(recording_id):
            await self._elsewhere.fetch(recording_id)
        before = self._get(recording_id)
        is_tried = self._attempts.get(recording_id) is not None
        interventions.retry(before, clock.wall_s(), is_tried=is_tried)
        async with self._attempts.held(recording_id):
            manifest = self._get(recording_id)
            if is_tried and manifest.state != before.state:  # it has just succeeded
                return self._entry(manifest)
            changes = interventions.retry(manifest, clock.wall_s(), is_tried=is_tried)
            await self._end_composing(recording_id)
            entry = self._change(recording_id, changes)
            log.info("operator_retried", recording=recording_id, state=entry.state, ended_first=is_tried)
        self._alarms.ring(recording_id)
        await self._begin(recording_id)
        return entry

    async def park(self, recording_id: str) -> Entry:
        """Let it rest: an attempt that runs is ended, unless it succeeds in this very moment."""
        interventions.park(self._get(recording_id))
        async with self._attempts.held(recording_id):
            changes = interventions.park(self._get(recording_id))  # it may be further now
            await self._end_composing(recording_id)
            entry = self._change(recording_id, changes)
            log.info("operator_parked", recording=recording_id, stage=entry.parked_from)
        self._alarms.ring(recording_id)
        return entry

    async def delete(self, recording_id: str) -> Deleted:
        """Remove it with all its files, delivered or not; what runs for it is ended before.

        One that is captured must have been told to end, a while ago.
        """
        damaged = self._damaged(recording_id)
        if damaged is not None:
            return await self._delete_damaged(damaged)
        if not self._is_here(recording_id) and await self._elsewhere.delete(recording_id):
            log.info("operator_deleted", recording=recording_id, state="parked", delivered=False)
            return Deleted(delivered=False)
        live = self._get(recording_id)
        interventions.check_delete(live, overdue=self._is_overdue(live))
        async with self._attempts.held(recording_id), self._capture_held(recording_id):
            manifest = self._get(recording_id)
            errand = self._attempts.errand(recording_id)
            await self._end_composing(recording_id)
            try:
                async with self._removing(manifest):
                    await asyncio.to_thread(self._recordings.remove, recording_id)
            except PoolAway as error:
                raise OperatorRefused(POOL_AWAY, f"others could go on with it: {error}") from error
            except OSError as error:
                raise OperatorRefused(DISK_FAILED, error.strerror or str(error)) from error
            deleted = Deleted(_is_delivered(manifest, errand))
            log.info(
                "operator_deleted", recording=recording_id, state=manifest.state, delivered=deleted.delivered
            )
        self._alarms.ring(recording_id)
        await self._give_up(manifest, errand)
        return deleted

    async def _delete_damaged(self, damaged: Damaged) -> Deleted:
        """Remove one of which nobody knows more than that it lies here; nothing can run for it."""
        recording_id = damaged.folder.name
        try:
            async with self._removing_unread(recording_id):
                await asyncio.to_thread(self._recordings.remove_damaged, damaged)
        except PoolAway as error:
            raise OperatorRefused(POOL_AWAY, f"others could go on with it: {error}") from error
        except FileNotFoundError as error:  # somebody was faster
            raise OperatorRefused(NO_SUCH_RECORDING, "there is none with this id") from error
        except OSError as error:
            raise OperatorRefused(DISK_FAILED, error.strerror or str(error)) from error
        log.info("operator_deleted", recording=recording_id, state="damaged", delivered=None)
        return Deleted(None)

    def film(self, recording_id: str) -> Path:
        """Return the film that is there now."""
        manifest = self._get(recording_id)
        film = self._recordings.paths(recording_id).film(manifest.file_name)
        if not film.is_file():
            text = f"there is no film here, it is {manifest.state}: callrec recordings export makes one"
            raise OperatorRefused(NO_FILM, text)
        return film

    def _is_here(self, recording_id: str) -> bool:
        damaged = (damaged.folder.name for damaged in self._recordings.damaged())
        return self._recordings.get(recording_id) is not None or recording_id in damaged

    def _get(self, recording_id: str) -> Manifest:
        manifest = self._recordings.get(recording_id)
        if manifest is None:
            damaged = self._damaged(recording_id)
            if damaged is not None:
                raise OperatorRefused(DAMAGED, f"{damaged.folder}: {damaged.error}")
            raise OperatorRefused(NO_SUCH_RECORDING, "there is none with this id")
        return manifest

    def _damaged(self, recording_id: str) -> Damaged | None:
        """Return the folder with this id, if its manifest cannot be read."""
        if self._recordings.get(recording_id) is not None:
            return None
        return next((d for d in self._recordings.damaged() if d.folder.name == recording_id), None)

    def _damaged_entry(self, damaged: Damaged) -> Entry:
        return damaged_entry(damaged, self._sizes.get(damaged.folder.name))

    def _change(self, recording_id: str, changes: Changes) -> Entry:
        try:
            manifest = self._recordings.update(recording_id, **changes)
        except OSError as error:
            raise OperatorRefused(DISK_FAILED, error.strerror or str(error)) from error
        return self._entry(manifest)

    def _entry(self, manifest: Manifest) -> Entry:
        recording_id = manifest.recording_id
        size, attempting = self._sizes.get(recording_id), self._attempts.get(recording_id)
        overdue = self._is_overdue(manifest)
        return entry_of(manifest, size, clock.wall_s(), attempting, overdue=overdue)

    def _is_overdue(self, manifest: Manifest) -> bool:
        ending_for_s = self._ending_for_s(manifest.recording_id)
        return interventions.is_overdue(manifest, clock.wall_s(), ending_for_s)


def _is_delivered(manifest: Manifest, errand: Errand) -> bool | None:
    if manifest.delivered_at is not None:
        return True
    was_uploading = "uploading" in (manifest.state, manifest.parked_from)
    return None if was_uploading and errand.is_doubtful else False


def damaged_details(damaged: Damaged, entry: Entry) -> Details:
    """Return what is known of a recording whose manifest cannot be read."""
    return Details(
        recording=entry,
        manifest=None,
        folder=str(damaged.folder.absolute()),
        output=finished_files(FolderPaths(damaged.folder).output),
    )


def finished_files(output: Path) -> dict[str, int]:
    """Return the names and sizes of the files in the folder *output*."""
    try:
        return {path.name: path.stat().st_size for path in sorted(output.iterdir()) if path.is_file()}
    except (FileNotFoundError, NotADirectoryError):
        return {}
