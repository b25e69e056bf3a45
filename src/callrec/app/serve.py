"""``callrec serve``, ``server`` and ``recorder``: what each runs, and with which addresses and secrets."""

import multiprocessing
import pickle
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from urllib.parse import urlsplit

from callrec import logs
from callrec.app import data_lock, running, secrets_file
from callrec.app.addresses import ALL_ADDRESSES, reachable
from callrec.app.programs import Ready, RecorderProgram, ServerProgram, own_backend, run_server
from callrec.app.proxies import spare_loopback
from callrec.app.recorder_program import begin_recorder
from callrec.app.server_conf import mapping as server_conf
from callrec.app.supervisor import Program, Supervisor
from callrec.errors import SettingsError
from callrec.recorder.folder import home
from callrec.recorder.lifecycle.homes import check_homes
from callrec.settings import RecorderSettings, load

LOCK_NAME = "callrec.lock"
LAST_PORT = 65535
RECORDER_PORT = 8000
"""Of a recorder alone; beside a server it listens on the port after that one's."""


@dataclass(frozen=True)
class Welcome:
    """What is told when the server is ready."""

    address: str
    admin_password: str | None = field(repr=False)
    """None where ``admin`` was there before: his password may be another one now."""
    invitation: str
    secure_context: bool
    """Browsers give camera and microphone to https and localhost only."""
    names_loopback: bool
    """It listens on all addresses, but nobody has said by which others reach it."""


def serve(data: Path, host: str, port: int, announce: Callable[[Welcome], None]) -> None:
    """Run conversation server, embedded signaling and recorder until a signal comes.

    Raises:
        SettingsError: a setting is wrong or the address is taken.
    """
    _serve(data, host, port, announce, with_recorder=True)


def server(data: Path, host: str, port: int, announce: Callable[[Welcome], None]) -> None:
    """Run the conversation server with embedded signaling, without a recorder. Raises SettingsError."""
    _serve(data, host, port, announce, with_recorder=False)


def recorder(data: Path, host: str | None, port: int | None, config: Path | None = None) -> None:
    """Run the recorder alone, for the backends of the settings; *config* is a stock ``server.conf``.

    Raises:
        SettingsError: a setting is wrong, or the address is taken.
    """
    spare_loopback()
    conf = server_conf.read(config) if config is not None else None
    settings = load(data, below=conf.settings if conf else None)
    logs.configure(settings.log_level, as_json=settings.log_json)
    if conf is not None:
        server_conf.log_notices(conf)
    try:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise SettingsError(f"data directory {data}: {error.strerror or error}") from error
    listen = (host or settings.recorder.host, _recorder_port(settings.recorder, RECORDER_PORT, port))
    if not settings.recorder.backends and settings.recorder.any_backend is None:
        raise SettingsError("recorder.backends: at least one backend with url and secret is needed")
    # What cannot be used is one line here, before there are processes.
    check_homes(data, data / home.OWN, map(home.within, settings.recorder.directories))
    _check_free(*listen)
    program = RecorderProgram(data, *listen, settings.recorder, settings.log_level, settings.log_json)
    with data_lock.held(data / LOCK_NAME):
        Supervisor([Program("recorder", begin_recorder, (data, pickle.dumps(program)))]).run(lambda: None)


def _serve(
    data: Path, host: str, port: int, announce: Callable[[Welcome], None], *, with_recorder: bool
) -> None:
    spare_loopback()
    settings = load(data)
    logs.configure(settings.log_level, as_json=settings.log_json)
    secrets = secrets_file.load_or_create(data)
    if settings.admin_password is not None:
        admin_password = settings.admin_password.get_secret_value()
    else:
        admin_password = secrets.admin_password
    _check_free(host, port)
    listening = reachable(host, port)
    public_url = settings.public_url or listening
    recorder_host = settings.recorder.host
    recorder_port = _recorder_port(settings.recorder, port + 1 if port < LAST_PORT else port - 1)
    if with_recorder:
        _check_recorder_free(recorder_host, recorder_port, data / "recorder")
    readiness: SimpleQueue[Ready] = multiprocessing.get_context("spawn").SimpleQueue()
    program = ServerProgram(
        data=data,
        host=host,
        port=port,
        public_url=public_url,
        settings=settings.conversation,
        recording_secret=secrets.recording,
        signaling_secret=secrets.signaling_internal,
        admin_password=admin_password,
        recorder_url=reachable(recorder_host, recorder_port) if with_recorder else None,
        log_level=settings.log_level,
        log_json=settings.log_json,
        ready=readiness,
    )
    programs = [Program("server", run_server, program)]
    if with_recorder:
        backend = own_backend(public_url, listening, secrets.recording, secrets.signaling_internal)
        own_settings = settings.recorder.model_copy(update={"backends": (backend,)})
        recorder_program = RecorderProgram(
            data=data / "recorder",
            host=recorder_host,
            port=recorder_port,
            settings=own_settings,
            log_level=settings.log_level,
            log_json=settings.log_json,
            own_backend=True,
        )
        (data / "recorder").mkdir(exist_ok=True)
        told = (recorder_program.data, pickle.dumps(recorder_program))
        programs.append(Program("recorder", begin_recorder, told))

    def when_ready() -> None:
        ready = readiness.get()
        welcome = Welcome(
            address=public_url,
            admin_password=admin_password if ready.admin_created else None,
            invitation=ready.invitation,
            secure_context=_secure_context(public_url),
            names_loopback=settings.public_url is None and host in ALL_ADDRESSES,
        )
        announce(welcome)

    with data_lock.held(data / LOCK_NAME):
        running.write(data, running.Running(listening, program.recorder_url))
        try:
            # A thread: the supervisor must look after its programs meanwhile.
            Supervisor(programs).run(lambda: threading.Thread(target=when_ready, daemon=True).start())
        finally:
            running.remove(data)


def _secure_context(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "https" or parts.hostname in ("localhost", "127.0.0.1", "::1")


def _bind(host: str, port: int) -> int:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
        bound: int = probe.getsockname()[1]
        return bound


def _check_free(host: str, port: int) -> None:
    try:
        _bind(host, port)
    except OSError as error:
        raise SettingsError(f"host {host}, port {port}: {error.strerror or error}") from error


def _recorder_port(settings: RecorderSettings, default: int, told: int | None = None) -> int:
    """Return where a recorder is to listen; *told* by the command line."""
    port = told if told is not None else settings.port
    return default if port is None else port or _bind(settings.host, 0)


def _check_recorder_free(host: str, port: int, recorder_data: Path) -> None:
    try:
        _bind(host, port)
    except OSError as error:
        if data_lock.is_held(recorder_data / data_lock.RECORDER):
            return  # by the one before, whose supervisor was killed: ours waits for its end
        raise SettingsError(
            f"recorder.port: {port} on {host}: {error.strerror or error}; "
            "set CALLREC_RECORDER__PORT (0: any that is free)"
        ) from error
