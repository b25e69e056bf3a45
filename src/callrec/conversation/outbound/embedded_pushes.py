"""Pushes to the embedded signaling server: after the commit, in order per room, before the answer.

They are not written down: that server ends with this process, and with it all that they were about.
"""

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import Any

import structlog

from callrec.conversation.db.engine import WriteSession
from callrec.wire.signaling import SignalingPush

log = structlog.get_logger()

FLUSH_TIMEOUT_S = 1.5
"""How long an answer waits for its pushes."""
PUSH_TIMEOUT_S = 10.0
"""After this a push is given up, so that the room's next ones get through."""

_Entry = tuple[Mapping[str, Any], "asyncio.Future[None]"]


class EmbeddedPushes:
    """One queue per room."""

    def __init__(self, push: SignalingPush) -> None:
        self._push = push
        self._queues: dict[str, deque[_Entry]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def aclose(self) -> None:
        """Cancel what is not delivered."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._queues.clear()

    def add(self, tx: WriteSession, token: str, request: Mapping[str, Any], *, wait: bool = True) -> None:
        """Push *request* to the room once *tx* is committed.

        The transaction's end waits for the delivery up to 1.5 s, unless *wait* is False.
        """

        def effect() -> Any:
            done = self._enqueue(token, request)
            # A transaction may wait for several pushes: all of them by the same moment.
            return _until(done, asyncio.get_running_loop().time() + FLUSH_TIMEOUT_S) if wait else None

        tx.after_commit(effect)

    def _enqueue(self, token: str, request: Mapping[str, Any]) -> "asyncio.Future[None]":
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue = self._queues.get(token)
        if queue is None:
            queue = self._queues[token] = deque()
            task = asyncio.create_task(self._deliver(token, queue), name=f"signaling push {token}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        queue.append((request, done))
        return done

    async def _deliver(self, token: str, queue: deque[_Entry]) -> None:
        while queue:
            request, done = queue.popleft()
            try:
                async with asyncio.timeout(PUSH_TIMEOUT_S):
                    await self._push.push(token, request)
            except Exception:  # the root of the room's task: a push never fails a request, nor the next push
                log.exception("signaling_push_failed", room=token, type=request.get("type"))
            finally:
                if not done.done():
                    done.set_result(None)
        del self._queues[token]


async def _until(done: "asyncio.Future[None]", deadline_s: float) -> None:
    await asyncio.wait({done}, timeout=max(0.0, deadline_s - asyncio.get_running_loop().time()))
