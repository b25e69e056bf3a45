"""Recorders that share a database and a storage."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from callrec.settings import PoolSettings
from tests.conversation.services import BUCKET
from tests.conversation.storage import Services, postgresql, s3, services
from tests.recorder.conftest import RecorderProcess
from tests.recorder.lab import Lab

from .machines import Machines

__all__ = ["postgresql", "s3", "services"]  # fixtures


@dataclass
class Pool:
    """What the recorders share, and the recorders."""

    services: Services
    lab: Lab
    folder: Path
    recorders: list[RecorderProcess]

    @property
    def settings(self) -> PoolSettings:
        return PoolSettings.model_validate(
            {
                "database_url": self.database_url,
                "blobs_url": f"s3://{BUCKET}/{self.services.name}",
                "blobs_endpoint": self.services.s3,
                "blobs_region": "us-east-1",
                "blobs_access_key_id": "key",
                "blobs_secret_access_key": "not-asked",
            }
        )

    @property
    def database_url(self) -> str:
        cluster = self.services.cluster.replace("postgresql+psycopg://", "postgresql://")
        return f"{cluster}/{self.services.name}"

    async def add(self, **environment: str) -> RecorderProcess:
        """Start one more recorder."""
        process = RecorderProcess(self.folder / f"recorder{len(self.recorders)}", self.lab.url)
        self.recorders.append(process)
        given = self.settings.model_dump(exclude_none=True)
        for secret in ("database_url", "blobs_secret_access_key"):
            given[secret] = given[secret].get_secret_value()
        process.environment = {
            **{f"CALLREC_RECORDER__POOL__{name.upper()}": value for name, value in given.items()},
            **environment,
        }
        await process.start()
        return process


@pytest.fixture
def pool(services: Services, lab: Lab, tmp_path: Path) -> Iterator[Pool]:
    services.create()
    pool = Pool(services, lab, tmp_path, [])
    yield pool
    for recorder in pool.recorders:
        recorder.close()
        print(recorder.log.read_text())


@pytest.fixture
async def machines(services: Services, tmp_path: Path) -> AsyncIterator[Machines]:
    services.create()
    machines = Machines(services, tmp_path)
    yield machines
    for machine in machines.made:
        await machine.ledger.close()
