"""The conversation server: its parts put together as one ASGI application."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.exceptions import HTTPException

from callrec.conversation import recording_side
from callrec.conversation.app_config import INTERNAL
from callrec.conversation.config import ConversationConfig
from callrec.conversation.core import Hooks
from callrec.conversation.core import build as build_core
from callrec.conversation.db.migrate import migrate
from callrec.conversation.db.tables_users import User
from callrec.conversation.expiry import run_expiry
from callrec.conversation.ocs.router import unrouted
from callrec.conversation.participants import find_room
from callrec.conversation.rooms import create_room
from callrec.conversation.routes import (
    app_config,
    calls,
    capabilities,
    chat,
    files,
    notifications,
    pages,
    participants,
    recording,
    rooms,
    sessions,
    signaling,
    users,
)
from callrec.conversation.signaling_backend import ConversationBackend
from callrec.conversation.tickets import Tickets
from callrec.conversation.users import ADMIN, ensure_admin
from callrec.wire.constants import RoomType
from callrec.wire.signaling import SignalingBackend, SignalingPush

__all__ = ["Conversation", "ConversationConfig"]

INVITATION = "invitation"
TICKET_SECRET = "ticket_secret"  # noqa: S105 - the name of a value
MEETING_ROOM = "Meeting room"


class Conversation:
    """One conversation server. ``app`` is complete; its lifespan opens and closes everything."""

    app: FastAPI
    signaling_backend: SignalingBackend
    admin_created = False
    """Whether this start has created the user ``admin``, with the configured password."""

    def __init__(self, config: ConversationConfig, push: SignalingPush) -> None:
        config.data.mkdir(parents=True, exist_ok=True)
        self._config = config
        self._core = build_core(config, push, Hooks())
        self._side = recording_side.build(self._core)
        self._core.hooks.file_parameters = self._side.file_parameters
        self._core.hooks.stop_recording = self._side.recordings.stop_for_ended_call
        self._tickets = Tickets()
        self.signaling_backend = ConversationBackend(self._core, self._tickets)
        self.app = FastAPI(lifespan=self._lifespan, docs_url=None, redoc_url=None, openapi_url=None)
        self._install(self.app)

    def _install(self, app: FastAPI) -> None:
        core, gate = self._core, self._core.gate
        recording.router.install(app, self._side, gate)
        for module in (capabilities, users, app_config, rooms, sessions, participants, calls, chat):
            module.router.install(app, core, gate)
        signaling.router.install(app, signaling.SignalingSide(core, self._tickets), gate)
        notifications.router.install(app, core, gate)
        files.install(app, self._side)
        pages.install(app, core)
        app.add_exception_handler(HTTPException, unrouted)

    @asynccontextmanager
    async def _lifespan(self, _app: FastAPI) -> AsyncIterator[None]:
        core = self._core
        await asyncio.to_thread(migrate, core.db.path)
        async with core.db.write() as tx:
            secret = await core.configuration.get_or_create(tx, TICKET_SECRET, secrets.token_hex(32))
        self._tickets.use_secret(secret)
        self.admin_created = await ensure_admin(core)
        try:
            async with core.outbox, self._side.running(), asyncio.TaskGroup() as tasks:
                expiry = tasks.create_task(run_expiry(core), name="expiry")
                try:
                    yield
                finally:
                    expiry.cancel()
        finally:
            await core.db.close()

    def release_waiting(self) -> None:
        """Let all long polls answer now, so that the web server can close; to be called when it is to end."""
        self._core.chat.new_messages.close()

    async def invitation(self) -> str:
        """Return the link of the administrator's meeting room, which is made when it does not exist.

        To be called while the application runs.
        """
        core = self._core
        async with core.db.write() as tx:
            token = await core.configuration.get(tx, INTERNAL, INVITATION)
            if token is None or await find_room(tx, token) is None:
                admin = await tx.get_one(User, ADMIN)
                token = (await create_room(core, tx, admin, RoomType.PUBLIC, MEETING_ROOM)).room.token
                await core.configuration.set(tx, INTERNAL, INVITATION, token)
        return f"{self._config.public_url}/index.php/call/{token}"
