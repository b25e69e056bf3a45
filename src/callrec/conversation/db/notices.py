"""Waking those who wait for a change, in this process and, by way of the database, in others."""

import secrets
from collections.abc import Callable

CHAT = "chat"
"""A room, named by its id, has a new message."""
CONFIG = "config"
"""App config was changed."""
RECORDING = "recording"
"""A recording was ordered, or asked to stop."""
TRANSCRIPTS = "transcripts"
"""A transcript or a summary is to be made."""

Subscriber = Callable[[str | None], None]


class Notices:
    """Who is to be woken for what. Subscribers must not block."""

    def __init__(self) -> None:
        self.sender = secrets.token_hex(8)
        """Names this process to the others."""
        self._subscribers: dict[str, list[Subscriber]] = {}

    def subscribe(self, topic: str, subscriber: Subscriber) -> None:
        """Call *subscriber* with the key of each notice of *topic*; None: any may have been missed."""
        self._subscribers.setdefault(topic, []).append(subscriber)

    def ring(self, topic: str, key: str | None) -> None:
        """Wake the subscribers of *topic*."""
        for subscriber in self._subscribers.get(topic, ()):
            subscriber(key)

    def ring_all(self) -> None:
        """Wake everybody: something may have been missed."""
        for topic in self._subscribers:
            self.ring(topic, None)
