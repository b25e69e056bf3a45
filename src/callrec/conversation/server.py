"""The conversation server: its parts put together as one ASGI application."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import structlog
from prometheus_client import CollectorRegistry
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException

from callrec.conversation import recording_side
from callrec.conversation.app_config import INTERNAL
from callrec.conversation.config import ConversationConfig
from callrec.conversation.core import Hooks
from callrec.conversation.core import build as build_core
from callrec.conversation.db.migrate import migrate
from callrec.conversation.db.tables_users import User
from callrec.conversation.expiry import run_expiry
from callrec.conversation.failures import FAILURES
from callrec.conversation.hello_tokens import new_private_key
from callrec.conversation.ocs import openapi
from callrec.conversation.ocs.router import unrouted
from callrec.conversation.participants import find_room
from callrec.conversation.rooms import create_room
from callrec.conversation.routes import (
    app_config,
    call_list,
    calls,
    capabilities,
    chat,
    chat_message,
    chat_read,
    consents,
    files,
    files_writing,
    groups,
    login_flow,
    notifications,
    pages,
    participants,
    pictures,
    preferences,
    recording,
    recording_page,
    ringing,
    room_marks,
    room_settings,
    rooms,
    sessions,
    shared_items,
    shares,
    signaling,
    speakers,
    uploads,
    users,
)
from callrec.conversation.signaling_backend import ConversationBackend
from callrec.conversation.test_mode import routes as test_routes
from callrec.conversation.tickets import Tickets
from callrec.conversation.users import ADMIN, ensure_admin
from callrec.observe import disk
from callrec.observe.endpoints import observe
from callrec.wire.constants import RoomType
from callrec.wire.signaling import SignalingBackend, SignalingPush

__all__ = ["Conversation", "ConversationConfig"]

INVITATION = "invitation"
TICKET_SECRET = "ticket_secret"  # noqa: S105 - the name of a value
HELLO_KEY = "hello_v2_private_key"
MEETING_ROOM = "Meeting room"

log = structlog.get_logger()


class Conversation:
    """One conversation server. ``app`` is complete; its lifespan opens and closes everything."""

    app: Starlette
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
        self.app = Starlette(lifespan=self._lifespan)
        self.app.router.redirect_slashes = False
        self._install(self.app)

    def _install(self, app: Starlette) -> None:
        core, gate = self._core, self._core.gate
        recording.router.install(app, self._side, gate)
        for module in (capabilities, users, groups, app_config, preferences):
            module.router.install(app, core, gate)
        for module in (rooms, room_settings, room_marks, sessions, participants, calls, chat):
            module.router.install(app, core, gate)
        for module in (chat_message, chat_read, shared_items):
            module.router.install(app, core, gate)
        for module in (ringing, consents):
            module.router.install(app, core, gate)
        call_list.install(app, core)
        pictures.install(app, core)
        signaling_side = signaling.SignalingSide(core, self._tickets, self.signaling_backend)
        signaling.router.install(app, signaling_side, gate)
        signaling.callbacks.install(app, signaling_side, gate)
        notifications.router.install(app, core, gate)
        files.install(app, self._side)
        files_writing.install(app, self._side)
        uploads.install(app, self._side)
        for routed in (shares, speakers):
            routed.router.install(app, self._side, gate)
        pages.install(app, core)
        recording_page.install(app, core)
        login_flow.install(app, core)
        if self._config.settings.test_mode:
            test_routes.router.install(app, self._side, gate)
        openapi.install(app)
        app.add_exception_handler(HTTPException, unrouted)
        registry = CollectorRegistry()
        disk.DiskGauge([self._config.data], registry)
        networks = self._config.settings.metrics_networks
        observe(app, registry, failure_events=FAILURES, networks=networks, ready=self._not_ready)

    async def _not_ready(self) -> Mapping[str, str]:
        problems = {}
        try:
            async with self._core.db.read() as session:
                await session.execute(text("SELECT 1"))
        except (SQLAlchemyError, OSError) as error:
            problems["database"] = type(error).__name__
        low = await asyncio.to_thread(disk.low, self._config.data)
        if low:
            problems["disk"] = low
        return problems

    @asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        core = self._core
        if self._config.settings.test_mode:
            log.warning("test_mode_on", danger="administrators can wipe all conversations")
        await asyncio.to_thread(migrate, core.db.url)
        async with core.db.write() as tx:
            secret = await core.configuration.get_or_create(tx, TICKET_SECRET, secrets.token_hex(32))
            hello_key = await core.configuration.get_or_create(tx, HELLO_KEY, new_private_key())
        self._tickets.use_secret(secret)
        core.hello_tokens.use_key(hello_key)
        self.admin_created = await ensure_admin(core)
        try:
            async with self._side.running(), core.delivering(), asyncio.TaskGroup() as tasks:
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
