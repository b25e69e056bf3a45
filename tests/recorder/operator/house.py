"""One recording that lives, with real requests to a far side."""

import asyncio
from pathlib import Path
from typing import Any, Protocol, cast

from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from callrec.recorder.deliver.backends import BackendClients, Backends
from callrec.recorder.deliver.desk import ReportDesk
from callrec.recorder.deliver.retry import Backoff
from callrec.recorder.folder.manifest import Manifest, State
from callrec.recorder.lifecycle.composers import Composers
from callrec.recorder.lifecycle.counts import RecordingCounts
from callrec.recorder.lifecycle.life import Life
from callrec.recorder.lifecycle.stages import Stages
from callrec.settings import BackendSettings, RecorderSettings
from tests.recorder.deliver.cloud import MIB
from tests.recorder.deliver.far_server import FarServer
from tests.recorder.operator.folders import Parts
from tests.waiting import PATIENCE_S

CLOSED_S = 20
"""A closed connection is seen within this; mostly at once."""


class Begin(Protocol):
    """Begins the life of a recording with a film so many times as long as the cloud's."""

    def __call__(self, state: State, times: int = 1, /) -> "House": ...


class House(Parts):
    """One recording that lives, with real requests to a far side."""

    def __init__(self, home: Path, far: FarServer) -> None:
        super().__init__(home)
        settings = RecorderSettings(
            backends=(BackendSettings(url=far.url, secret=SecretStr("secret")),), upload_chunk_bytes=MIB
        )
        self.clients = BackendClients(Backends(settings))
        desk = ReportDesk(self.clients, lambda _room: "one")
        counts = RecordingCounts(CollectorRegistry(), [far.url])
        self.stages = Stages(self.recordings, desk, cast(Composers, Idle()), self.clients, counts)
        self.steps = self.life(Life, self.stages, Backoff(3600, 3600, 86400))
        self.living: asyncio.Task[None] | None = None

    async def live(self) -> None:
        while (pace := await self.steps.step("one")) != "over":
            if pace == "wait":
                await self.steps.wait("one")

    async def _begin(self, recording_id: str) -> None:
        if self.living is not None:
            await asyncio.wait([self.living])
        self.living = asyncio.create_task(self.live())

    async def _give_up(self, manifest: Manifest, errand: Any) -> None:
        await self.stages.give_up(manifest, errand)

    async def over(self) -> None:
        assert self.living is not None
        await asyncio.wait_for(self.living, PATIENCE_S)

    async def close(self) -> None:
        await super().close()
        if self.living is not None:
            self.living.cancel()
            await asyncio.gather(self.living, return_exceptions=True)
        await self.clients.close()


class Idle:
    async def end(self, _recording_id: str) -> None:
        """Nothing is composed."""


def methods(far: FarServer) -> list[str]:
    return [request.line.split()[0] for request in far.requests]
