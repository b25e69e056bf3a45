"""Steps of the stories about recordings: what people and the recorder do, and what the server holds then."""

from typing import Any

import httpx
from sqlalchemy import select

from callrec.conversation import calls
from callrec.conversation.db.tables_outbox import RECORDER, OutboxEntry
from callrec.conversation.db.tables_recordings import Node, RecordingStart
from callrec.conversation.db.tables_rooms import Room
from callrec.conversation.participants import ActorRef
from callrec.wire.recording import decode_request
from tests.conversation.recording_world import API, World

START_VIDEO = b'{"type":"start","start":{"status":1,"owner":"mira","actor":{"type":"users","id":"mira"}}}'
START_AUDIO = START_VIDEO.replace(b"1", b"2", 1)
STOP_MIRA = b'{"type":"stop","stop":{"actor":{"type":"users","id":"mira"}}}'
STOP = b'{"type":"stop","stop":[]}'
NOBODY = "guests/failed-to-get-session"


async def start(world: World, client: httpx.AsyncClient, status: Any = 1) -> httpx.Response:
    return await client.post(f"{API}/recording/{world.token}", json={"status": status})


async def stop(world: World, client: httpx.AsyncClient) -> httpx.Response:
    return await client.delete(f"{API}/recording/{world.token}")


def started(world: World, status: int = 1, actor: str = "mira") -> dict[str, Any]:
    content = {"token": world.token, "status": status, "actor": {"type": "users", "id": actor}}
    return {"type": "started", "started": content}


def stopped(world: World, actor: str | None = None) -> dict[str, Any]:
    content: dict[str, Any] = {"token": world.token}
    if actor:
        content["actor"] = {"type": "users", "id": actor}
    return {"type": "stopped", "stopped": content}


def failed(world: World) -> dict[str, Any]:
    return {"type": "failed", "failed": {"token": world.token}}


def data(answer: httpx.Response) -> Any:
    return answer.json()["ocs"]["data"]


async def queued(world: World) -> list[str | None]:
    async with world.core.db.read() as session:
        bodies = await session.scalars(select(OutboxEntry.body).where(OutboxEntry.target == RECORDER))
        requests = [decode_request(body.encode()) for body in bodies]
    return [request.actor.id if request.actor else None for request in requests]


async def nothing_queued(world: World) -> bool:
    return not await queued(world)


async def pending_owner(world: World) -> str | None:
    async with world.core.db.read() as session:
        return await session.scalar(select(RecordingStart.pending_owner))


async def stored(world: World) -> list[str]:
    """Return the paths of all files, in order of arrival; their contents are kept, and nothing else is."""
    async with world.core.db.read() as session:
        nodes = list(await session.scalars(select(Node).where(Node.blob_id.is_not(None)).order_by(Node.id)))
    blobs = {node.blob_id for node in nodes}
    assert await world.storage.blob_ids() == blobs
    assert await world.storage.unfinished() == 0
    return [f"{node.owner_id}:{node.path}" for node in nodes]


async def end_call(world: World) -> None:
    async with world.core.db.write() as tx:
        room = await tx.scalar(select(Room).where(Room.token == world.token))
        assert room is not None
        await calls.end_call(world.core, tx, room, ActorRef("users", "mira", "Mira"))
