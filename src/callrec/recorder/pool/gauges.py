"""Metrics of a recorder in a pool."""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import get_args

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from callrec.recorder.pool.taking_up import Reason


class PoolGauges(Collector):
    """What waits now."""

    def __init__(self, waiting: Callable[[], Counter[str]], registry: CollectorRegistry) -> None:
        """*waiting* is asked at every scrape: recordings by reason."""
        self._waiting = waiting
        registry.register(self)

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Count now."""
        gauge = GaugeMetricFamily(
            "callrec_pool_recordings_waiting", "Recordings that cannot go on, by reason", labels=["reason"]
        )
        waiting = self._waiting()
        for reason in get_args(Reason):
            gauge.add_metric([reason], waiting[reason])
        return [gauge]
