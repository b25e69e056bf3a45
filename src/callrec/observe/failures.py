"""Counts what is logged as a warning or an error, by event name: no failure is without a counter."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, disable_created_metrics

disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series of each, which no query needs

_counter = Counter(
    "callrec_failures",
    "Log lines at warning or above, by event",
    ["level", "event"],
    registry=None,  # the log is one for the whole process, registries are one for each program
)


def announce(registry: CollectorRegistry, events: Iterable[tuple[str, str]]) -> None:
    """Show the counters in *registry*; *events* (level, event) begin at 0, so a first increase is seen."""
    registry.register(_counter)
    for level, event in events:
        _counter.labels(level, event)


def count(level: str, event: str) -> None:
    """Count one log line; for ``logs.configure``. Events are few: they are words of our sources."""
    _counter.labels(level, event).inc()
