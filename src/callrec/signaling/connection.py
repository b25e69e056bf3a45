"""One client's socket: reads, writes, ends. What the messages mean is the dialogue's business."""

import asyncio

from starlette.websockets import WebSocket, WebSocketDisconnect

from callrec.signaling import frames
from callrec.signaling.config import SignalingConfig
from callrec.signaling.dialogue import Dialogue
from callrec.signaling.features import FEATURES, VERSION
from callrec.signaling.membership import Membership, now_s
from callrec.signaling.outbox import Outbox
from callrec.signaling.pace import Pace

MESSAGE_TOO_BIG = 1009
"""WebSocket close code (RFC 6455, section 7.4.1)."""


class _SocketEnded(Exception):
    """Reading or writing has come to its end: the other one ends with it."""


class Connection:
    """Owns the socket from accept to close. A slow client waits alone: everybody else fills its outbox."""

    def __init__(self, websocket: WebSocket, config: SignalingConfig, membership: Membership) -> None:
        self._websocket = websocket
        self._config = config
        self.outbox = Outbox(max_messages=config.max_queue_messages, max_bytes=config.max_queue_bytes)
        self._dialogue = Dialogue(config, membership, self.outbox)

    async def run(self) -> None:
        """Serve the client until its socket has ended."""
        await self._websocket.accept()
        self.outbox.put(frames.welcome(VERSION, FEATURES))
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._read())
                group.create_task(self._write())
                group.create_task(self._until_broken())
        except* _SocketEnded:
            pass
        finally:
            self._dialogue.disconnected()

    async def _read(self) -> None:
        pace = Pace(per_s=self._config.messages_per_s, burst=self._config.message_burst, now_s=now_s())
        hello_deadline = asyncio.get_running_loop().time() + self._config.hello_timeout_s
        while True:
            try:
                async with asyncio.timeout_at(None if self._dialogue.said_hello else hello_deadline):
                    event = await self._websocket.receive()
            except TimeoutError:
                self.outbox.finish(frames.bye("hello_timeout"))
                return
            if event["type"] == "websocket.disconnect":
                raise _SocketEnded
            text = event.get("text")
            size = len(event["bytes"]) if text is None else len(text.encode())
            if size > self._config.max_message_bytes:
                await self._close(MESSAGE_TOO_BIG)
                raise _SocketEnded
            delay_s = pace.delay_s(now_s())
            if delay_s:
                await asyncio.sleep(delay_s)
            if text is None:
                self.outbox.put(frames.error(None, "invalid_format", "message: must be a text frame"))
            else:
                await self._dialogue.handle(text)

    async def _write(self) -> None:
        while (frame := await self.outbox.head()) is not None:
            await self._send(frame.text)
            self.outbox.sent(frame)
        if not self.outbox.broken:
            await self._close()
        raise _SocketEnded

    async def _until_broken(self) -> None:
        await self.outbox.until_broken()
        raise _SocketEnded

    async def _send(self, text: str) -> None:
        try:
            async with asyncio.timeout(self._config.write_timeout_s):
                await self._websocket.send_text(text)
        except (WebSocketDisconnect, TimeoutError, RuntimeError) as error:
            # RuntimeError: the ASGI server has closed the socket by itself, for instance for want of a pong.
            raise _SocketEnded from error

    async def _close(self, code: int = 1000) -> None:
        try:
            async with asyncio.timeout(self._config.write_timeout_s):
                await self._websocket.close(code)
        except (WebSocketDisconnect, TimeoutError, RuntimeError) as error:
            raise _SocketEnded from error
