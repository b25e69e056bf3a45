"""Recording folders in whatever state, and the parts that an operator deals with."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar, cast

import msgspec
import uvicorn
from starlette.applications import Starlette

from callrec import clock
from callrec.recorder.control.operator_api import OperatorApi
from callrec.recorder.deliver.begun import UploadNote
from callrec.recorder.deliver.errand import Errand
from callrec.recorder.deliver.retry import Backoff
from callrec.recorder.folder.manifest import Manifest, State, write_manifest
from callrec.recorder.folder.paths import FolderPaths
from callrec.recorder.lifecycle.alarms import Alarms
from callrec.recorder.lifecycle.attempts import Attempts
from callrec.recorder.lifecycle.life import Life
from callrec.recorder.lifecycle.operator import Operator
from callrec.recorder.lifecycle.recordings import Recordings
from callrec.recorder.lifecycle.sizes import Sizes
from callrec.recorder.lifecycle.states import LIVE
from tests.recorder.folder.samples import MANIFEST
from tests.waiting import until

TOKEN = "the operator's token of the tests"
FILM = b"a film of a few bytes"


def make_folder(home: Path, recording_id: str, state: State, **fields: Any) -> FolderPaths:
    """Make a recording of 30 s; undelivered ones have their film."""
    paths = FolderPaths(home / recording_id)
    paths.create()
    now_s = clock.wall_s()
    ended: dict[str, Any] = {} if state in LIVE else {"stop_ms": 31_000, "closed_at": now_s - 60}
    outcome = None if state in LIVE else "failed" if state == "failed" else "captured"
    manifest = msgspec.structs.replace(
        MANIFEST,
        recording_id=recording_id,
        state=state,
        state_at=now_s - 50,
        started_ms=1000,
        outcome=outcome,
        anchor=msgspec.structs.replace(MANIFEST.anchor, wall_s=now_s - 100),
        **ended | fields,
    )
    write_manifest(paths.manifest, manifest)
    paths.track(0).mkdir()
    paths.segment(0, 0).write_bytes(bytes(1000))
    if state in ("uploading", "parked"):
        (paths.output / manifest.file_name).write_bytes(FILM)
    return paths


AnyLife = TypeVar("AnyLife", bound=Life)


class Parts:
    """An operator with real folders; workflows and composers only note what they are told."""

    def __init__(self, home: Path) -> None:
        self.recordings = Recordings(home)
        self.alarms = Alarms()
        self.begun: list[str] = []
        self.begin: Callable[[str], Awaitable[None]] | None = None
        self.ended: list[str] = []
        self.attempts = Attempts(lambda id_: UploadNote(self.recordings.paths(id_).upload))
        self.recordings.listeners.append(self.attempts.hear)
        self.sizes = Sizes(self.recordings, 25)
        self.given_up: list[str] = []
        self.operator = Operator(
            recordings=self.recordings,
            alarms=self.alarms,
            attempts=self.attempts,
            sizes=self.sizes,
            begin=self._begin,
            end_composing=self._end_composing,
            give_up=self._give_up,
        )

    def life(self, kind: type[AnyLife], work: Any, backoff: Backoff) -> AnyLife:
        """Return what steps through the states after capture; *work* may lack what is not asked of it."""

        async def keeps(_manifest: Manifest) -> bool:
            return True

        return kind(
            recordings=self.recordings,
            capture=cast(Any, None),
            work=work,
            backoff=backoff,
            alarms=self.alarms,
            attempts=self.attempts,
            keeps=keeps,
        )

    def manifest(self, recording_id: str) -> Manifest:
        manifest = self.recordings.get(recording_id)
        assert manifest is not None
        return manifest

    async def _begin(self, recording_id: str) -> None:
        self.begun.append(recording_id)
        if self.begin is not None:
            await self.begin(recording_id)

    async def _give_up(self, manifest: Manifest, _errand: Errand) -> None:
        self.given_up.append(manifest.recording_id)

    async def close(self) -> None:
        """Measure no more."""
        await self.sizes.close()

    async def _end_composing(self, recording_id: str) -> None:
        assert self.recordings.paths(recording_id).root.exists(), "the composer is ended first"
        self.ended.append(recording_id)


@asynccontextmanager
async def serving(
    parts: Parts, *, networks: tuple[str, ...] = (), host: str = "127.0.0.1"
) -> AsyncIterator[str]:
    """Serve the operator's routes over a real socket; yields the URL."""
    api = OperatorApi(TOKEN, ())
    api.operator = parts.operator
    config = uvicorn.Config(
        Starlette(routes=api.routes), host=host, port=0, log_level="warning", lifespan="off"
    )
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve())
    try:
        await until(lambda: server.started)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://{host}:{port}"
    finally:
        server.should_exit = True
        await running
        await parts.close()
