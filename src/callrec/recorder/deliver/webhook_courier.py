"""Sends queued events to one webhook: signed, in order for each recording, again until they are taken."""

import asyncio
from typing import Literal

import httpx
import structlog
from prometheus_client import CollectorRegistry, Counter

from callrec import clock
from callrec.recorder.deliver.retry import Backoff
from callrec.recorder.deliver.webhook_queue import MAX_AGE_S, Event, WebhookQueue
from callrec.settings import Webhook
from callrec.wire.checksum import checksum, new_random

RANDOM, CHECKSUM = "Callrec-Random", "Callrec-Checksum"
TIMEOUT_S = 10.0
BACKOFF = Backoff(first_s=1.0, longest_s=600.0, give_up_s=MAX_AGE_S)
LOOK_EVERY_S = 600.0
"""What is too old is looked for so often."""

_TEMPORARY = frozenset({408, 425, 429})

log = structlog.get_logger()


class WebhookCounts:
    """What has become of events since the program began, by the address's host."""

    def __init__(self, registry: CollectorRegistry, targets: list[str]) -> None:
        """Counters of *targets* begin at 0, so that a first increase is seen."""

        def counter(name: str, text: str) -> Counter:
            made = Counter(name, text, ["target"], registry=registry)
            for target in targets:
                made.labels(target)
            return made

        self.sent = counter("callrec_webhooks_sent", "Events that webhooks took")
        self.failed = counter("callrec_webhooks_failed", "Attempts to send an event that failed")
        self.dropped = counter("callrec_webhooks_dropped", "Events given up: too old, or too many")


def came_to(status: int) -> Literal["done", "away", "refused"]:
    """Tell what an answer means. away: nothing else would get through either. refused: just this one."""
    if 200 <= status < 300:
        return "done"
    return "away" if status >= 500 or status in _TEMPORARY else "refused"


def headers(secret: str, body: bytes) -> dict[str, str]:
    """Return the headers that sign *body* with a fresh random (docs/api.md, Webhooks)."""
    random = new_random()
    return {
        "Content-Type": "application/json",
        RANDOM: random,
        CHECKSUM: checksum(secret, random, body),
    }


class Courier:
    """One for each webhook: a slow one holds up no other."""

    def __init__(self, hook: Webhook, queue: WebhookQueue, counts: WebhookCounts) -> None:
        self.news = asyncio.Event()
        """To be set when there is something new."""
        self._hook = hook
        self._queue = queue
        self._counts = counts
        self._failures = 0
        """In a row, of the far side as a whole."""

    async def run(self) -> None:
        """Send until cancelled."""
        # Certificates are read from the disk here: only where there are webhooks at all.
        async with httpx.AsyncClient(follow_redirects=False, timeout=TIMEOUT_S) as client:
            while True:
                try:
                    await self._send_due(client)
                    wait_s = self._wait_s()
                except Exception:  # the root of a task: a full disk, for one, may have room at the next look
                    log.exception("webhook_courier_failed", target=self._hook.target)
                    self._failures += 1
                    wait_s = 0.0
                if self._failures:
                    await asyncio.sleep(BACKOFF.wait_s(self._failures - 1))
                    continue
                await clock.is_set_within(self.news, wait_s)

    def _wait_s(self) -> float:
        due_s = self._queue.next_due_s(self._hook.url)
        return LOOK_EVERY_S if due_s is None else min(LOOK_EVERY_S, max(0.0, due_s - clock.wall_s()))

    async def _send_due(self, client: httpx.AsyncClient) -> None:
        """Send what is due, until nothing is, or the far side is away."""
        self.news.clear()
        while (event := self._queue.next(self._hook.url, clock.wall_s())) is not None:
            outcome, reason = await self._send(client, event)
            if outcome == "done":
                self._failures = 0
                self._queue.done(event.id)
                self._counts.sent.labels(self._hook.target).inc()
                continue
            self._counts.failed.labels(self._hook.target).inc()
            log.warning(
                "webhook_not_delivered", target=self._hook.target, recording=event.recording, reason=reason
            )
            if outcome == "away":
                self._failures += 1
                return
            self._failures = 0
            self._queue.postpone(event.id, clock.wall_s() + BACKOFF.wait_s(event.attempts))
        self._failures = 0

    async def _send(
        self, client: httpx.AsyncClient, event: Event
    ) -> tuple[Literal["done", "away", "refused"], str]:
        signed = headers(self._hook.secret.get_secret_value(), event.body)
        try:
            async with (
                asyncio.timeout(TIMEOUT_S),
                # The answer's body is not read: there is nothing to learn from it.
                client.stream("POST", self._hook.url, content=event.body, headers=signed) as answer,
            ):
                return came_to(answer.status_code), f"HTTP {answer.status_code}"
        except (httpx.HTTPError, TimeoutError) as error:
            return "away", type(error).__name__
