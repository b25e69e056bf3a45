"""The lab with the real standalone signaling server, with or without a media server."""

import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from callrec.wire.checksum import (
    SIGNALING_BACKEND,
    SIGNALING_CHECKSUM,
    SIGNALING_RANDOM,
    signaling_headers,
    verify,
)
from tests.conversation.standalone_server import VERSIONS, StandaloneServer
from tests.ports import free_port
from tests.recorder.lab import API, SIGNALING_SECRET, TOKEN, Lab, lab_at, ocs, serving

BACKEND_SECRET = "backend-secret-of-the-lab-0123456789"


async def _callback(request: Request) -> Response:
    """Let everybody in, as the signaling server asks."""
    body = await request.body()
    headers = request.headers
    assert verify(BACKEND_SECRET, headers.get(SIGNALING_RANDOM), headers.get(SIGNALING_CHECKSUM), body)
    asked = msgspec.json.decode(body)
    kind = asked["type"]
    if kind == "auth":
        user = asked["auth"]["params"]["userid"]
        known = {"version": "1.0", "userid": user, "user": {"displayname": user.title()}}
        return ocs({"type": "auth", "auth": known})
    if kind == "room":
        answer = {"version": "1.0", "roomid": asked["room"]["roomid"], "properties": {"name": "Lab"}}
        return ocs({"type": "room", "room": answer})
    return ocs({"type": "room", "room": {"version": "1.0"}})


async def _capabilities(_request: Request) -> Response:
    return ocs({"version": {}, "capabilities": {"spreed": {"features": ["signaling-v3"], "config": {}}}})


@asynccontextmanager
async def standalone_lab(
    folder: Path, media_server: str | None, version: str = VERSIONS[0]
) -> AsyncIterator[Lab]:
    """Run the lab, and the signaling server for it."""
    with socket.create_server(("127.0.0.1", 0)) as listening, lab_at(listening) as lab:
        routes = [
            *lab.routes(),
            Route(f"{API}/v3/signaling/backend", _callback, methods=["POST"]),
            Route("/ocs/v2.php/cloud/capabilities", _capabilities),
        ]
        signaling = StandaloneServer(
            folder,
            free_port(),
            backend_url=lab.url,
            secret=BACKEND_SECRET,
            internal_secret=SIGNALING_SECRET,
            media_server=media_server,
            version=version,
        )
        lab.signaling_url = signaling.url
        async with serving(routes, listening), httpx.AsyncClient() as client:
            await signaling.start()

            async def push(request: Mapping[str, Any]) -> None:
                body = msgspec.json.encode(request)
                headers = {
                    **signaling_headers(BACKEND_SECRET, body),
                    SIGNALING_BACKEND: f"{lab.url}/",
                    "Content-Type": "application/json",
                }
                answer = await client.post(
                    f"{lab.signaling_url}/api/v1/room/{TOKEN}", content=body, headers=headers
                )
                answer.raise_for_status()

            lab.push, lab.signaling_process = push, signaling
            try:
                yield lab
            finally:
                await signaling.kill()
