"""Metrics of recordings, by backend. The first five have the names that the stock recorder exports."""

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from callrec import clock
from callrec.recorder.folder.manifest import Manifest
from callrec.recorder.lifecycle import causes, limits
from callrec.recorder.lifecycle.states import FOLLOWING, TRIED, UNDELIVERED


class RecordingCounts:
    """What has happened to recordings since the program began."""

    def __init__(self, registry: CollectorRegistry, backends: Iterable[str]) -> None:
        """Counters of the *backends* begin at 0, so that a first increase is seen."""

        def counter(name: str, text: str) -> Counter:
            made = Counter(name, text, ["backend"], registry=registry)
            for backend in known:
                made.labels(backend)
            return made

        known = list(backends)
        self._total = counter("recording_recordings", "Recordings accepted")
        self._failed = counter("recording_recordings_failed", "Recordings of which nothing could be saved")
        self._uploads_failed = counter(
            "recording_recordings_uploads_failed", "Attempts to upload that the backend did not acknowledge"
        )
        self._duration_s = counter(
            "recording_recordings_duration_seconds", "Length of the recordings that were captured"
        )

        self._ended = Counter(
            "callrec_recordings_ended",
            "Captures that ended, by cause",
            ["backend", "cause"],
            registry=registry,
        )
        self._refused = Counter(
            "callrec_recordings_refused",
            "Starts refused for lack of room, by reason",
            ["backend", "reason"],
            registry=registry,
        )
        for backend in known:
            for cause in causes.ALL:
                self._ended.labels(backend, cause)
            for reason in limits.REFUSALS:
                self._refused.labels(backend, reason)

    def refused(self, backend_url: str, reason: str) -> None:
        """Count a start for which there was no room."""
        self._refused.labels(backend_url, reason).inc()

    def accepted(self, manifest: Manifest) -> None:
        """Count a start request that is durable."""
        self._total.labels(manifest.backend).inc()

    def closed(self, manifest: Manifest) -> None:
        """Count what came of a capture."""
        self._ended.labels(manifest.backend, manifest.cause or "").inc()
        if manifest.outcome == "failed":
            self._failed.labels(manifest.backend).inc()
        elif manifest.started_ms is not None and manifest.stop_ms is not None:
            length_ms = max(0, manifest.stop_ms - manifest.started_ms)
            self._duration_s.labels(manifest.backend).inc(length_ms / 1000)

    def never_begun(self, backend_url: str, cause: str) -> None:
        """Count a start that was taken, and that nothing could be done for."""
        self._ended.labels(backend_url, cause).inc()
        self._failed.labels(backend_url).inc()

    def upload_failed(self, manifest: Manifest) -> None:
        """Count an attempt that will be repeated."""
        self._uploads_failed.labels(manifest.backend).inc()


class RecordingGauges(Collector):
    """What stands on disk now."""

    def __init__(
        self,
        manifests: Callable[[], list[Manifest]],
        backends: Iterable[str],
        registry: CollectorRegistry,
        damaged: Callable[[], int] = lambda: 0,
    ) -> None:
        """*manifests* is asked at every scrape, and *damaged* for how many have none that can be read."""
        self._damaged = damaged
        self._manifests = manifests
        self._backends = list(backends)
        registry.register(self)

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Read the manifests now."""
        current = GaugeMetricFamily(
            "recording_recordings_current", "Recordings being captured", labels=["backend"]
        )
        states = GaugeMetricFamily(
            "callrec_recordings", "Recordings on this disk, by state", labels=["backend", "state"]
        )
        attempts = GaugeMetricFamily(
            "callrec_recordings_attempts",
            "Failed attempts in a row of the recording that has most of them",
            labels=["backend", "state"],
        )
        waiting = GaugeMetricFamily(
            "callrec_recordings_undelivered", "Recordings captured and still on this disk", labels=["backend"]
        )
        oldest = GaugeMetricFamily(
            "callrec_recordings_undelivered_oldest_seconds",
            "Since the capture ended of the one, not parked, that has waited longest",
            labels=["backend"],
        )
        manifests = self._manifests()
        for backend in dict.fromkeys([*self._backends, *(m.backend for m in manifests)]):
            own = [m for m in manifests if m.backend == backend]
            owed = [m for m in own if m.closed_at is not None and m.state in UNDELIVERED]
            closed_at = [m.closed_at for m in owed if m.closed_at is not None and m.state != "parked"]
            current.add_metric([backend], sum(m.closed_at is None for m in own))
            for state in FOLLOWING:
                states.add_metric([backend, state], sum(m.state == state for m in own))
            for state in TRIED:
                most = max((m.attempts for m in own if m.state == state), default=0)
                attempts.add_metric([backend, state], most)
            waiting.add_metric([backend], len(owed))
            age_s = max(0.0, clock.wall_s() - min(closed_at)) if closed_at else 0.0
            oldest.add_metric([backend], age_s)
        damaged = GaugeMetricFamily(
            "callrec_recordings_damaged", "Recordings whose manifest cannot be read", self._damaged()
        )
        return [current, states, attempts, waiting, oldest, damaged]
