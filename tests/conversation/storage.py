"""Where the server under test keeps its data: embedded (SQLite, local disk), or in PostgreSQL and S3.

A test that asks for the fixture ``storage``, itself or by way of another one, runs on both.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import httpx
import obstore
import psycopg
import pytest
from obstore.store import S3Store
from sqlalchemy import URL, make_url

from callrec.conversation.blobs.configured import configured_blobs
from callrec.conversation.blobs.store import BlobStore
from callrec.conversation.db.address import database_url
from callrec.conversation.db.migrate import migrate
from callrec.conversation.db.sqlite import sqlite_url
from callrec.settings import ConversationSettings

from .services import BUCKET, postgresql_cluster, s3_server

TEMPLATE = "migrated"
_migrated: list[bytes] = []


class Storage(Protocol):
    """One server's storage. ``data`` is its data directory."""

    data: Path

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of the conversation server that name it."""
        ...

    def prepare(self) -> None:
        """Make the database, empty and with all tables: quicker than the server would."""
        ...

    def create(self) -> None:
        """Make the place for a database, without tables."""
        ...

    async def blob_ids(self) -> set[str]:
        """Return the blobs that are kept."""
        ...

    async def unfinished(self) -> int:
        """Return how many uploads have begun to arrive, or were broken off and not cleared away."""
        ...


@dataclass
class Embedded:
    """SQLite and the local disk."""

    data: Path
    settings: dict[str, Any] = field(default_factory=dict)

    def prepare(self) -> None:
        if not _migrated:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "migrated.db"
                migrate(sqlite_url(path))
                _migrated.append(path.read_bytes())
        self.data.mkdir(parents=True, exist_ok=True)
        (self.data / "conversation.db").write_bytes(_migrated[0])

    def create(self) -> None:
        self.data.mkdir(parents=True, exist_ok=True)

    async def blob_ids(self) -> set[str]:
        return {path.name for path in (self.data / "files" / "blobs").iterdir()}

    async def unfinished(self) -> int:
        return len(list((self.data / "files" / "incoming").iterdir()))


@dataclass
class Services:
    """A database of a PostgreSQL cluster, and a prefix of an S3 bucket."""

    data: Path
    cluster: str
    s3: str
    name: str

    @property
    def settings(self) -> dict[str, Any]:
        return {
            "database_url": f"{self.cluster}/{self.name}",
            "blobs_url": f"s3://{BUCKET}/{self.name}",
            "blobs_endpoint": self.s3,
            "blobs_region": "us-east-1",
            "blobs_access_key_id": "key",
            "blobs_secret_access_key": "not-asked",
        }

    def prepare(self) -> None:
        self.data.mkdir(parents=True, exist_ok=True)
        administer(self.cluster, f'CREATE DATABASE "{self.name}" TEMPLATE {TEMPLATE}')

    def create(self) -> None:
        administer(self.cluster, f'CREATE DATABASE "{self.name}"')

    def remove(self) -> None:
        """Drop the database."""
        administer(self.cluster, f'DROP DATABASE IF EXISTS "{self.name}" WITH (FORCE)')

    async def blob_ids(self) -> set[str]:
        store = S3Store(
            BUCKET,
            prefix=self.name,
            endpoint=self.s3,
            region="us-east-1",
            access_key_id="key",
            secret_access_key="not-asked",
            client_options={"allow_http": True},
        )
        found = await obstore.list(store, "blobs").collect_async()
        return {blob["path"].rpartition("/")[2] for blob in found}

    async def unfinished(self) -> int:
        async with httpx.AsyncClient() as client:
            answer = await client.get(f"{self.s3}/{BUCKET}?uploads")
        return answer.text.count(f"<Key>{self.name}/")


def administer(cluster: str, statement: str) -> None:
    """Run one statement on the cluster, outside of a transaction."""
    address = make_url(f"{cluster}/postgres").set(drivername="postgresql")
    with psycopg.connect(address.render_as_string(hide_password=False), autocommit=True) as connection:
        connection.execute(statement)


def url_of(storage: Storage) -> URL:
    """Return the address of the database of *storage*."""
    return database_url(storage.data, ConversationSettings(**storage.settings))


def blobs_of(storage: Storage) -> BlobStore:
    """Return the place for blobs of *storage*."""
    return configured_blobs(storage.data, ConversationSettings(**storage.settings))


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The address of a running cluster that has a migrated database to copy."""
    with postgresql_cluster() as cluster:
        administer(cluster, f"CREATE DATABASE {TEMPLATE}")
        migrate(make_url(f"{cluster}/{TEMPLATE}"))
        yield cluster


@pytest.fixture(scope="session")
def s3() -> Iterator[str]:
    """The address of a running S3 server."""
    with s3_server() as url:
        yield url


_names = iter(range(1_000_000))


@pytest.fixture
def services(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Services]:
    """A database and a prefix that are not there yet."""
    cluster, s3_url = request.getfixturevalue("postgresql"), request.getfixturevalue("s3")
    storage = Services(tmp_path / "data", cluster, s3_url, f"test-{next(_names)}")
    yield storage
    storage.remove()


@pytest.fixture(params=["embedded", "services"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """Each storage in turn."""
    if request.param == "embedded":
        return Embedded(tmp_path / "data")
    chosen: Services = request.getfixturevalue("services")
    return chosen
