"""The whole examination, in the order in which an operator would look."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx

from callrec.app import offline, running, secrets_file
from callrec.app.doctor import far, local, pool, recording, signaling
from callrec.app.doctor.files import files
from callrec.app.doctor.finding import Finding, failed, ok, warning
from callrec.app.server_conf import mapping as server_conf
from callrec.conversation.core import Core
from callrec.errors import CallrecError, SettingsError
from callrec.recorder.folder import home
from callrec.settings import BackendSettings, Settings, load


async def examine(data: Path, config: Path | None = None) -> AsyncIterator[Finding]:
    """Yield what is found for the data directory *data*, as soon as it is known.

    *config* is a recorder's ``server.conf``.
    """
    try:
        settings = load(data, below=server_conf.read(config).settings if config else None)
    except SettingsError as error:
        yield failed("settings", str(error), "Correct the named setting (docs/settings.md).")
        return
    yield ok("settings", "can be read")
    for finding in local.data_directory(data, map(home.within, settings.recorder.directories)):
        yield finding
    has_server = (data / secrets_file.FILE_NAME).exists()
    if not has_server and not settings.recorder.backends and settings.recorder.any_backend is None:
        remedy = "Start `callrec serve` or `callrec server` once, or set `recorder.backends`."
        yield failed("programs", "neither a server nor a recorder has been set up here", remedy)
    if has_server:
        async for finding in _server(data, settings):
            yield finding
    recorder = settings.recorder
    if has_server or recorder.backends or recorder.any_backend is not None:
        yield local.lettering()
        for finding in local.recordings(data, settings):
            yield finding
    for backend in recorder.backends:
        async for finding in _backend(
            backend, has_secret=bool(recorder.signaling_secret or recorder.signalings)
        ):
            yield finding
    if recorder.gives_signaling_secret_away:
        remedy = "List the signaling servers in `recorder.signalings`, each with a secret of its own."
        text = "backends share one, and each could harvest it: it goes to whatever server a backend names"
        yield warning("internal secret", text, remedy)
    if recorder.pool is not None:
        async for finding in pool.examine(recorder.pool):
            yield finding


async def _server(data: Path, settings: Settings) -> AsyncIterator[Finding]:
    try:
        async with offline.open_core(data) as core:
            yield await local.database(core)
            yield await files(core)
            async for finding in _far_side(core, running.read(data), settings):
                yield finding
    except CallrecError as error:
        yield failed("database", str(error), "Start the server once; then look at its log.")


async def _far_side(core: Core, now: running.Running | None, settings: Settings) -> AsyncIterator[Finding]:
    public_url = core.config.public_url
    if now is None:
        yield warning("server", "it does not run", "Start it and ask again.")
    yield await _public_url(public_url, is_set=settings.public_url is not None)
    async with core.db.read() as session:
        recorders = await core.configuration.recording_servers(session)
        signalers = await core.configuration.signaling_servers(session)
    recording_places = [(server.url, server.verify_tls) for server in recorders.servers if server]
    for finding in await recording.examine(recording_places, recorders.secret, public_url):
        yield finding
    for finding in await signaling.examine([(server.url, server.verify_tls) for server in signalers.servers]):
        yield finding


async def _public_url(url: str, *, is_set: bool) -> Finding:
    check = "public URL"
    try:
        async with far.client(verify_tls=True) as http:
            answer = await http.get(f"{url}/status.php")
    except httpx.HTTPError as error:
        return far.unreachable(check, url, error)
    status = far.json_object(answer)
    if answer.status_code != 200 or status is None or not status.get("installed"):
        remedy = (
            "Let the proxy pass everything below the public URL on to the server, or correct `public_url`."
        )
        return failed(check, f"{url} is answered by something else ({answer.status_code})", remedy)
    if not is_set:
        return warning(check, f"{url} answers, but `public_url` is not set", "Others need https.")
    if not url.startswith("https://"):
        remedy = "Put TLS before it (docs/operating.md): browsers give camera and microphone to https only."
        return warning(check, f"{url} answers without TLS", remedy)
    return ok(check, f"{url} answers")


async def _backend(backend: BackendSettings, *, has_secret: bool) -> AsyncIterator[Finding]:
    check = "backend"
    url = backend.connect_url or backend.url
    try:
        async with far.client(verify_tls=not backend.skip_verify) as http:
            answer = await http.get(f"{url}/status.php")
    except httpx.HTTPError as error:
        yield far.unreachable(check, url, error)
        return
    if answer.status_code != 200 or far.json_object(answer) is None:
        yield failed(check, f"{url} answers {answer.status_code}", "Correct its `url` or `connect_url`.")
        return
    yield ok(check, f"{url} answers")
    if backend.signaling_secret is None and not has_secret:
        remedy = "Set it to the internal secret of the signaling server: without it no call can be joined."
        yield failed(check, f"{backend.url} has no signaling_secret", remedy)
