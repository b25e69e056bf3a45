"""The bounded queue of messages that wait for one client."""

import asyncio
from collections import deque

from callrec.signaling.frames import Frame


class Outbox:
    """Messages for one client, oldest first. Putting never waits.

    A chat refresh is not queued while the same one waits. When more waits than the limits allow, the
    outbox is *broken*: it is emptied, takes nothing more, and its session has to go.
    """

    def __init__(self, *, max_messages: int, max_bytes: int) -> None:
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._frames: deque[Frame] = deque()
        self._bytes = 0
        self._finished = False
        self._changed = asyncio.Event()
        self._broken = asyncio.Event()

    @property
    def broken(self) -> bool:
        """Whether the client is lost."""
        return self._broken.is_set()

    def put(self, frame: Frame) -> None:
        """Queue *frame*. Nothing happens after :meth:`finish` or when broken."""
        if self._finished or self.broken:
            return
        if frame.kind == "chat_refresh" and frame in self._frames:
            return
        size = _size_bytes(frame)
        if len(self._frames) >= self._max_messages or self._bytes + size > self._max_bytes:
            self.break_off()
            return
        self._frames.append(frame)
        self._bytes += size
        self._changed.set()

    def finish(self, last: Frame) -> None:
        """Queue *last* as the last message; the socket is closed after it."""
        self.put(last)
        self._finished = True
        self._changed.set()

    def break_off(self) -> None:
        """Drop everything; the socket is closed at once."""
        self._frames.clear()
        self._bytes = 0
        self._broken.set()
        self._changed.set()

    def move_to(self, other: "Outbox") -> bool:
        """Move what waits to *other*; tell whether a participants update was among it."""
        moved = list(self._frames)
        self._frames.clear()
        self._bytes = 0
        for frame in moved:
            other.put(frame)
        return any(frame.kind == "participants" for frame in moved)

    async def head(self) -> Frame | None:
        """Wait for the oldest message, which stays queued; None when there will be no more."""
        while not self._frames:
            if self._finished or self.broken:
                return None
            self._changed.clear()
            await self._changed.wait()
        return self._frames[0]

    def sent(self, frame: Frame) -> None:
        """Remove *frame*, which :meth:`head` returned, unless it has been moved or dropped meanwhile."""
        if self._frames and self._frames[0] is frame:
            self._frames.popleft()
            self._bytes -= _size_bytes(frame)

    async def until_broken(self) -> None:
        """Wait until the client is lost."""
        await self._broken.wait()


def _size_bytes(frame: Frame) -> int:
    # Characters for bytes: close enough for a limit, and free.
    return len(frame.text)
