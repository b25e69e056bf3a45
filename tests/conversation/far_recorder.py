"""A recording server at the far end of a real socket: it checks what it gets, and can misbehave."""

import hmac
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from .far_http import FarHttp, Request, listening


@dataclass
class FarRecorder(FarHttp):
    """Keeps the bodies of well-signed requests, whatever it answers."""

    bodies: list[bytes] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    backends: list[str] = field(default_factory=list)

    def take(self) -> list[bytes]:
        """Return the bodies since the last call."""
        bodies, self.bodies = self.bodies, []
        return bodies

    def hear(self, request: Request, answer: int) -> int:
        """Keep it; 403 for what is not signed."""
        random = request.headers["talk-recording-random"]
        signed = hmac.digest(self.secret.encode(), random.encode() + request.body, "sha256").hex()
        if (
            request.method != "POST"
            or request.headers["content-type"] != "application/json"
            or len(random) != 64
            or request.headers["talk-recording-checksum"] != signed
        ):
            return 403
        self.bodies.append(request.body)
        self.paths.append(request.path)
        self.backends.append(request.headers["talk-recording-backend"])
        return answer


@asynccontextmanager
async def far_recorder(
    secret: str, port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[FarRecorder]:
    """Run a recording server on a local port, until the context ends."""
    far = FarRecorder(secret)
    async with listening(far, port, tls) as far.url:
        yield far
