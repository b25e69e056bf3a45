"""Misses recordings that are owed and lie nowhere: their disk is not mounted, or somebody deleted them."""

from collections.abc import Callable, Iterable
from pathlib import Path

import structlog
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from callrec.recorder.lifecycle.recordings import Recordings
from callrec.recorder.lifecycle.states import LIVE, UNDELIVERED, Change

_OWED = LIVE | UNDELIVERED

log = structlog.get_logger()


class Missing(Collector):
    """Keeps a note of each recording that is owed: an empty file, named by its id, in *directory*."""

    def __init__(
        self,
        directory: Path,
        recordings: Recordings,
        away: Callable[[], list[Path]],
        registry: CollectorRegistry,
    ) -> None:
        """Say which are missing now, and listen to what becomes of the others.

        *away* tells the homes that are away.
        """
        self._directory = directory
        self._recordings = recordings
        self._away = away
        for recording_id in recordings.found_removed:
            self._strike(recording_id)
        for manifest in recordings.all():
            self._hear(Change(manifest, None, manifest.state))
        for recording_id in sorted(self.ids()):
            log.warning("recording_missing", recording=recording_id, note=str(directory / recording_id))
        recordings.listeners.append(self._hear)
        recordings.unread_listeners.append(self._strike)
        registry.register(self)

    def ids(self) -> set[str]:
        """Return the ids of those that lie nowhere now."""
        try:
            owed = {note.name for note in self._directory.iterdir()}
        except FileNotFoundError:
            return set()
        except OSError as error:
            log.warning("recording_notes_not_read", error=str(error))
            return set()
        damaged = {damaged.folder.name for damaged in self._recordings.damaged()}
        return {
            recording_id
            for recording_id in owed - damaged - self._recordings.removing
            if self._recordings.get(recording_id) is None or self._is_gone(recording_id)
        }

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Look now."""
        missing = GaugeMetricFamily(
            "callrec_recordings_missing", "Recordings that are owed, and lie nowhere", len(self.ids())
        )
        away = GaugeMetricFamily(
            "callrec_recordings_homes_away",
            "Directories that may hold recordings, and are not mounted",
            len(self._away()),
        )
        return [missing, away]

    def _is_gone(self, recording_id: str) -> bool:
        try:
            return self._recordings.is_gone(recording_id)
        except OSError:
            return True

    def _hear(self, change: Change) -> None:
        recording_id = change.manifest.recording_id
        if change.state not in _OWED:
            self._strike(recording_id)
            return
        try:
            self._directory.mkdir(mode=0o700, exist_ok=True)
            (self._directory / recording_id).touch(mode=0o600)
        except OSError as error:
            log.warning("recording_not_noted", recording=recording_id, error=str(error))

    def _strike(self, recording_id: str) -> None:
        try:
            (self._directory / recording_id).unlink(missing_ok=True)
        except OSError as error:
            log.warning("recording_not_noted", recording=recording_id, error=str(error))
