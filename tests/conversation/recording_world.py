"""The recording's side of a conversation server on a real socket, with people, a room and a far recorder."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from sqlalchemy import select
from starlette.applications import Starlette
from starlette.exceptions import HTTPException

from callrec.conversation import app_config, core, membership, recording_side, rooms
from callrec.conversation.config import ConversationConfig
from callrec.conversation.core import Core, Hooks
from callrec.conversation.db.base import utc_now
from callrec.conversation.db.tables_chat import ChatMessage
from callrec.conversation.db.tables_rooms import Attendee, Room
from callrec.conversation.db.tables_users import AppToken, User
from callrec.conversation.ocs.authentication import COOKIE
from callrec.conversation.ocs.router import unrouted
from callrec.conversation.participants import actor_of, find_attendee
from callrec.conversation.passwords import token_hash
from callrec.conversation.recording_side import RecordingSide
from callrec.conversation.routes import (
    chat,
    files,
    files_writing,
    notifications,
    recording,
    shares,
    speakers,
    uploads,
)
from callrec.settings import ConversationSettings
from callrec.wire.checksum import signed_headers
from callrec.wire.constants import ParticipantType, RoomType
from tests.waiting import eventually, until

from .far_recorder import FarRecorder, far_recorder
from .storage import Embedded, Storage

SECRET = "the recording secret"
PUBLIC_URL = "http://talk.example.net/sub"
PASSWORD = "a good password"
API = "/ocs/v2.php/apps/spreed/api/v1"
NOTIFICATIONS = "/ocs/v2.php/apps/notifications/api/v2/notifications"
OGG = b"OggS\0\2" + bytes(20) + b"\1\x13OpusHead" + bytes(11) + b"sound"
HEADERS = {"OCS-APIRequest": "true", "Accept": "application/json"}


@dataclass
class Pushes:
    """The signaling server: keeps what it is told."""

    sent: list[Mapping[str, Any]] = field(default_factory=list)

    async def push(self, token: str, request: Mapping[str, Any]) -> None:
        self.sent.append(request)

    def take(self) -> list[str]:
        """Return in short form what was pushed since the last call: ``chat``, ``recording 3``, ``update``."""
        sent, self.sent = self.sent, []
        return [self._short(request) for request in sent]

    def _short(self, request: Mapping[str, Any]) -> str:
        if request["type"] != "message":
            return str(request["type"])
        data = request["message"]["data"]
        return f"recording {data['recording']['status']}" if data["type"] == "recording" else "chat"


@dataclass
class World:
    """One running server and who is there."""

    core: Core
    side: RecordingSide
    pushes: Pushes
    recorder: FarRecorder
    url: str
    clients: AsyncExitStack
    storage: Storage
    token: str = ""

    async def client(self, user: str | None) -> httpx.AsyncClient:
        """Return a client that is signed in as *user*, or not at all."""
        auth = (user, user + PASSWORD) if user else None
        return await self.clients.enter_async_context(
            httpx.AsyncClient(base_url=self.url, headers=HEADERS, auth=auth, timeout=30)
        )

    async def add_user(self, name: str, role: ParticipantType | None = None) -> httpx.AsyncClient:
        """Create a user, put him into the room with *role*, and return his client."""
        async with self.core.db.write() as tx:
            user = User(id=name, display_name=name.title(), password_hash="")
            tx.add(user)
            await tx.flush()
            # An app password: argon2 would take most of the time of a test.
            tx.add(AppToken(user_id=name, token_hash=token_hash(name + PASSWORD)))
        if role is not None:
            await self.add_to_room(name, role)
        self.pushes.take()
        return await self.client(name)

    async def add_to_room(self, name: str, role: ParticipantType = ParticipantType.USER) -> None:
        """Put a user into the room."""
        async with self.core.db.write() as tx:
            room = await self._room(tx)
            owner = await find_attendee(tx, room.id, "users", "mira")
            assert owner is not None
            user = await tx.get_one(User, name)
            await membership.add_user(self.core, tx, room, user, actor_of(owner))
            attendee = await find_attendee(tx, room.id, "users", name)
            assert attendee is not None
            attendee.participant_type = role

    async def make_room(self, owner: str, kind: RoomType = RoomType.GROUP, name: str = "Standup") -> str:
        """Create a room and return its token."""
        async with self.core.db.write() as tx:
            user = await tx.get(User, owner)
            assert user is not None
            token = (await rooms.create_room(self.core, tx, user, kind, name)).room.token
        self.pushes.take()
        return token

    async def call(self, running: bool = True) -> None:
        """Have a call in the room, or none."""
        async with self.core.db.write() as tx:
            (await self._room(tx)).active_since = utc_now() if running else None

    async def set_config(self, value: dict[str, Any] | None, key: str = "recording_servers") -> None:
        """Set ``recording_servers``, or another JSON value of the app config."""
        async with self.core.db.write() as tx:
            await self.core.configuration.set(tx, app_config.TALK, key, json.dumps(value))

    async def status(self) -> int:
        """Return the room's ``callRecording``."""
        async with self.core.db.read() as session:
            return (await self._room(session)).call_recording

    async def set_status(self, status: int) -> None:
        """Set the room's ``callRecording`` as if a recording had come so far."""
        async with self.core.db.write() as tx:
            (await self._room(tx)).call_recording = status

    async def wait_for_status(self, status: int) -> None:
        """Wait until the room's ``callRecording`` is *status*."""

        async def reached() -> bool:
            return await self.status() == status

        await eventually(reached)

    async def messages(self) -> list[str]:
        """Return the system messages about recordings with their actors, oldest first."""
        async with self.core.db.read() as session:
            rows = await session.scalars(select(ChatMessage).order_by(ChatMessage.id))
            return [
                f"{row.message} {row.actor_type}/{row.actor_id}" for row in rows if "recording" in row.message
            ]

    async def report(self, message: Any, *, secret: str = SECRET, **headers: str) -> httpx.Response:
        """Send a report as the recorder does."""
        body = message if isinstance(message, bytes) else json.dumps(message).encode()
        async with httpx.AsyncClient(base_url=self.url, headers=HEADERS, timeout=30) as client:
            return await client.post(
                f"{API}/recording/backend", content=body, headers={**signed_headers(secret, body), **headers}
            )

    async def store(
        self,
        data: bytes | None = OGG,
        name: str = "a.ogg",
        owner: str | None = "mira",
        *,
        before: dict[str, str] | None = None,
        token: str | None = None,
        secret: str = SECRET,
    ) -> httpx.Response:
        """Upload a recording as the recorder does."""
        token = token or self.token
        fields = {**({"owner": owner} if owner is not None else {}), **(before or {})}
        parts: list[Any] = [(key, (None, value)) for key, value in fields.items()]
        if data is not None:
            parts.append(("file", (name, data)))
        async with httpx.AsyncClient(base_url=self.url, headers=HEADERS, timeout=30) as client:
            headers = signed_headers(secret, token.encode())
            return await client.post(f"{API}/recording/{token}/store", files=parts, headers=headers)

    async def _room(self, session: Any) -> Room:
        room = await session.scalar(select(Room).where(Room.token == self.token))
        assert isinstance(room, Room)
        return room


@asynccontextmanager
async def open_world(
    place: Path | Storage, *, start_timeout_s: float = 60, new: bool = True, **settings: Any
) -> AsyncIterator[World]:
    """Run a server on *place*: the user mira owns a group room with a running call.

    A folder means embedded storage in it.
    """
    storage = Embedded(place) if isinstance(place, Path) else place
    data = storage.data
    pushes = Pushes()
    async with AsyncExitStack() as stack:
        recorder = await stack.enter_async_context(far_recorder(SECRET))
        config = ConversationConfig(
            data=data,
            public_url=PUBLIC_URL,
            settings=ConversationSettings(start_timeout_s=start_timeout_s, **storage.settings, **settings),
            recording_secret=SECRET,
            recorder_url=recorder.url,
            signaling_url=f"{PUBLIC_URL}/signaling",
            admin_password="",
            web=data,
        )
        parts = core.build(config, pushes, Hooks())
        stack.push_async_callback(parts.db.close)
        if new:
            storage.prepare()
        side = recording_side.build(parts)
        parts.hooks.file_parameters = side.file_parameters
        parts.hooks.stop_recording = side.recordings.stop_for_ended_call
        app = Starlette()
        recording.router.install(app, side, parts.gate)
        notifications.router.install(app, parts, parts.gate)
        chat.router.install(app, parts, parts.gate)
        for module in (files, files_writing, uploads):
            module.install(app, side)
        for routed in (shares, speakers):
            routed.router.install(app, side, parts.gate)
        app.add_exception_handler(HTTPException, unrouted)
        await stack.enter_async_context(side.running())
        await stack.enter_async_context(parts.delivering())
        url = await stack.enter_async_context(_serving(app))
        clients = await stack.enter_async_context(AsyncExitStack())
        world = World(parts, side, pushes, recorder, url, clients, storage)
        if new:
            await world.add_user("mira")
            world.token = await world.make_room("mira")
            await world.call()
        else:
            async with parts.db.read() as session:
                world.token = await session.scalar(select(Room.token).order_by(Room.id).limit(1)) or ""
        yield world


@asynccontextmanager
async def _serving(app: Starlette) -> AsyncIterator[str]:
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_config=None, ws="none"))
    serving = asyncio.create_task(server.serve([listener]))
    try:
        await until(lambda: server.started)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving
        listener.close()


async def add_guest(world: World, role: ParticipantType = ParticipantType.GUEST) -> httpx.AsyncClient:
    """Put a guest into the room and return the client that holds the cookie."""
    async with world.core.db.write() as tx:
        web_session_id, cookie = await world.core.authenticator.open_web_session(tx, None)
        room = await tx.scalar(select(Room).where(Room.token == world.token))
        assert room is not None
        tx.add(
            Attendee(
                room_id=room.id,
                actor_type="guests",
                actor_id="g1",
                display_name="Guest",
                participant_type=role,
                web_session_id=web_session_id,
            )
        )
    client = await world.client(None)
    client.cookies.set(COOKIE, cookie)
    return client
