"""The two long-running programs: the conversation server with embedded signaling, and the recorder."""

import asyncio
import contextlib
import multiprocessing
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from typing import Any

import structlog
import uvicorn
import uvloop

from callrec import logs
from callrec.app import data_lock, impatient, operator_file
from callrec.app.addresses import reachable
from callrec.observe import failures
from callrec.settings import BackendSettings, ConversationSettings, RecorderSettings

SHUTDOWN_S = 3
"""How long open requests (long polls, calls) may take when the server stops."""

PREDECESSOR_S = 20.0
"""How long a program waits for the one before it, which ends within moments of its killed supervisor."""
_Hook = Callable[[], Awaitable[None]]

log = structlog.get_logger()


@dataclass(frozen=True)
class Ready:
    """What a conversation server tells when it is ready."""

    invitation: str
    admin_created: bool
    """The user ``admin`` is new: the configured password is his."""


@dataclass(frozen=True)
class ServerProgram:
    """What the conversation server process is given. Travels by pipe."""

    data: Path
    host: str
    port: int
    public_url: str
    settings: ConversationSettings
    recording_secret: str = field(repr=False)
    signaling_secret: str = field(repr=False)
    admin_password: str = field(repr=False)
    recorder_url: str | None
    log_level: str
    log_json: bool
    ready: "SimpleQueue[Ready]"
    """Takes what there is to tell each time the server is ready."""


@dataclass(frozen=True)
class RecorderProgram:
    """What the recorder process is given. Travels by pipe."""

    data: Path
    host: str
    port: int
    settings: RecorderSettings
    log_level: str
    log_json: bool
    own_backend: bool = False
    """Its one backend is the conversation server beside it."""


def run_server(program: ServerProgram) -> None:
    """Run the conversation server with the embedded signaling server until told to stop."""
    from callrec import web
    from callrec.conversation.config import ConversationConfig
    from callrec.conversation.server import Conversation
    from callrec.signaling.config import SignalingConfig
    from callrec.signaling.server import SignalingServer

    logs.configure(program.log_level, as_json=program.log_json, on_failure=failures.count)
    signaling_config = SignalingConfig(
        internal_secret=program.signaling_secret, backend_url=program.public_url
    )

    async def main() -> None:
        signaling = SignalingServer(signaling_config)
        config = ConversationConfig(
            data=program.data,
            public_url=program.public_url,
            settings=program.settings,
            recording_secret=program.recording_secret,
            recorder_url=program.recorder_url,
            signaling_url=f"{program.public_url}/signaling",
            admin_password=program.admin_password,
            web=web.STATIC,
        )
        conversation = Conversation(config, signaling)
        conversation.app.mount("/signaling", signaling.create_app(conversation.signaling_backend))

        async def ready() -> None:
            program.ready.put(Ready(await conversation.invitation(), conversation.admin_created))

        async def before_shutdown() -> None:
            conversation.release_waiting()
            await signaling.close()  # while sockets are still open, so that clients hear it

        await serve(
            conversation.app,
            program.host,
            program.port,
            when_started=ready,
            before_shutdown=before_shutdown,
            **signaling_config.websocket_options(),
        )

    with data_lock.held(program.data / data_lock.SERVER, wait_s=PREDECESSOR_S):
        _run(main)


def run_recorder(program: RecorderProgram) -> None:
    """Run the recorder's control until told to stop."""
    from callrec.recorder.build import RecorderConfig, build

    logs.configure(program.log_level, as_json=program.log_json, on_failure=failures.count)

    async def main() -> None:
        own_url = reachable(program.host, program.port)
        configured = program.settings.operator_token
        config = RecorderConfig(
            data=program.data,
            operator_token=operator_file.prepare(
                program.data, own_url, configured.get_secret_value() if configured else None
            ),
            settings=program.settings,
            own_backend=program.own_backend,
            log_level=program.log_level,
            log_json=program.log_json,
        )
        proxies = program.settings.trusted_proxies
        trusted: dict[str, Any] = {"forwarded_allow_ips": list(proxies)} if proxies else {}
        await serve(build(config), program.host, program.port, **trusted, **impatient.OPTIONS)

    with data_lock.held(program.data / data_lock.RECORDER, wait_s=PREDECESSOR_S):
        _run(main)


def own_backend(
    public_url: str, connect_url: str, recording_secret: str, signaling_secret: str
) -> BackendSettings:
    """Return the backend entry by which a recorder knows the conversation server beside it."""
    return BackendSettings.model_validate(
        {
            "url": public_url,
            "secret": recording_secret,
            "connect_url": connect_url,
            "signaling_secret": signaling_secret,
            "extension_video": ".mp4",
            # Nothing lies in between that would take only so much, and one chunk need not be put together.
            "upload_chunk_bytes": 1 << 40,
        }
    )


class _Server(uvicorn.Server):
    """uvicorn, stopped by us: by SIGTERM, or when the parent process is gone."""

    when_started: _Hook | None = None
    before_shutdown: _Hook | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            if self.when_started is not None:
                await self.when_started()
            log.info("program_ready", host=self.config.host, port=self.config.port)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self.before_shutdown is not None:
            await self.before_shutdown()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(
    app: Any,
    host: str,
    port: int,
    *,
    when_started: _Hook | None = None,
    before_shutdown: _Hook | None = None,
    **options: Any,
) -> None:
    """Serve *app* until SIGTERM, SIGINT (when run alone), or the end of the parent process."""
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        lifespan="on",
        timeout_graceful_shutdown=SHUTDOWN_S,
        **options,
    )
    server = _Server(config)
    server.when_started, server.before_shutdown = when_started, before_shutdown
    loop = asyncio.get_running_loop()

    def stop() -> None:
        server.should_exit = True

    parent = multiprocessing.parent_process()
    loop.add_signal_handler(signal.SIGTERM, stop)
    if parent is None:
        loop.add_signal_handler(signal.SIGINT, stop)
    else:
        # Ctrl-C reaches the whole process group; the supervisor decides the order of the shutdown.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        loop.add_reader(parent.sentinel, stop)
    try:
        await server.serve()
    finally:
        if parent is not None:
            loop.remove_reader(parent.sentinel)
    if not server.started:
        raise SystemExit(3)


def _run(main: Any) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
