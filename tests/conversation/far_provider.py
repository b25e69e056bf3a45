"""A speech-to-text and chat service at the far end of a real socket, that can be told to misbehave."""

import asyncio
import io
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import multipart
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.waiting import PATIENCE_S

SPOKEN = "Good morning. Shall we begin?"
SUMMARY = "They began."


@dataclass
class FarProvider:
    """Keeps what it is asked. ``mishaps`` are used up first, one a request: a status, or a body of a 200."""

    url: str = ""
    key: str = "the key"
    spoken: str = SPOKEN
    mishaps: list[int | bytes] = field(default_factory=list)
    transcriptions: list[dict[str, Any]] = field(default_factory=list)
    chats: list[dict[str, Any]] = field(default_factory=list)
    answering: asyncio.Event = field(default_factory=asyncio.Event)
    """While it is not set nobody gets an answer."""
    asked: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of the conversation server that name it."""
        return {
            "transcription_url": f"{self.url}/v1/audio/transcriptions",
            "transcription_key": self.key,
            "summary_url": f"{self.url}/v1/chat/completions",
            "summary_model": "a-model",
            "summary_key": self.key,
        }

    @property
    def count(self) -> int:
        """How often it was asked."""
        return len(self.transcriptions) + len(self.chats)

    async def wait_for(self, count: int) -> None:
        """Wait until it was asked *count* times in all."""
        async with asyncio.timeout(PATIENCE_S), self.asked:
            await self.asked.wait_for(lambda: self.count >= count)

    async def transcribe(self, request: Request) -> Response:
        """``POST /v1/audio/transcriptions``."""
        _, options = multipart.parse_options_header(request.headers["content-type"])
        body = io.BytesIO(await request.body())
        parts = {part.name: part for part in multipart.MultipartParser(body, options["boundary"])}
        file = parts["file"]
        received = {
            "model": parts["model"].value,
            "file": file.raw,
            "name": file.filename,
            "type": file.content_type,
        }
        return await self._answer(request, self.transcriptions, received, {"text": self.spoken})

    async def chat(self, request: Request) -> Response:
        """``POST /v1/chat/completions``."""
        answer = {"choices": [{"index": 0, "message": {"role": "assistant", "content": SUMMARY}}]}
        return await self._answer(request, self.chats, json.loads(await request.body()), answer)

    async def _answer(
        self, request: Request, kept: list[dict[str, Any]], received: dict[str, Any], answer: dict[str, Any]
    ) -> Response:
        async with self.asked:
            kept.append(received)
            self.asked.notify_all()
        if request.headers.get("authorization") != f"Bearer {self.key}":
            return Response(status_code=401)
        mishap = self.mishaps.pop(0) if self.mishaps else None
        await self.answering.wait()
        if mishap is None:
            return JSONResponse(answer)
        return Response(mishap) if isinstance(mishap, bytes) else Response(status_code=mishap)


@asynccontextmanager
async def far_provider() -> AsyncIterator[FarProvider]:
    """Run a provider on a local port, until the context ends."""
    far = FarProvider()
    far.answering.set()
    app = Starlette(
        routes=[
            Route("/v1/audio/transcriptions", far.transcribe, methods=["POST"]),
            Route("/v1/chat/completions", far.chat, methods=["POST"]),
        ]
    )
    listener = socket.create_server(("127.0.0.1", 0))
    far.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_config=None, ws="none"))
    serving = asyncio.create_task(server.serve([listener]))
    try:
        yield far
    finally:
        far.answering.set()
        server.should_exit = True
        await serving
        listener.close()
