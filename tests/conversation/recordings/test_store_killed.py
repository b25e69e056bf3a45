"""Kill -9 of the server at each step of a store: file, row and notification are all there, or nothing is."""

import asyncio
import multiprocessing
import os
import signal
from collections.abc import Callable
from datetime import timedelta
from multiprocessing.connection import Connection
from typing import Any, NoReturn

import httpx
import pytest
from sqlalchemy import select

from callrec.conversation import notifications, store
from callrec.conversation.blobs import sweep
from callrec.conversation.blobs.store import Incoming
from callrec.conversation.db.engine import WriteSession
from callrec.conversation.db.tables_recordings import Node, Notification
from callrec.wire.checksum import signed_headers
from tests.conversation.recording_world import API, HEADERS, OGG, SECRET, World, open_world
from tests.conversation.storage import Storage

START_TIMEOUT_S = 60


def die(*_: Any, **__: Any) -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("unreachable")


def while_it_arrives() -> None:
    """All bytes are here, none is durable."""
    Incoming.finish = die  # type: ignore[method-assign]  # this process is made to be killed


def before_the_row() -> None:
    """The bytes are durable, no row speaks of them."""
    store.Store.take = die  # type: ignore[method-assign]


def before_the_commit() -> None:
    """The row is written, the notification is about to be."""
    notifications.add = die


def after_the_commit() -> None:
    """Everything is there, nobody was told."""
    add = notifications.add

    def add_and_die_later(*arguments: Any, **options: Any) -> None:
        add(*arguments, **options)
        WriteSession.run_effects = die  # type: ignore[method-assign]

    notifications.add = add_and_die_later


def serve(storage: Storage, prepare: Callable[[], None], ready: Connection) -> None:
    """Serve what is in *storage* until killed."""

    async def run() -> None:
        async with open_world(storage, new=False) as world:
            prepare()
            ready.send((world.url, world.token))
            await asyncio.Event().wait()

    asyncio.run(run())


async def kept(world: World) -> list[str]:
    """Return the stored files: with bytes and a notification each, and nothing else."""
    async with world.core.db.read() as session:
        nodes = list(await session.scalars(select(Node).where(Node.blob_id.is_not(None))))
        told = list(await session.scalars(select(Notification.node_id)))
    assert await world.storage.blob_ids() == {node.blob_id for node in nodes}
    assert told == [node.id for node in nodes]
    assert await world.storage.unfinished() == 0
    return [node.name for node in nodes]


@pytest.mark.parametrize(
    ("prepare", "expected"),
    [
        (while_it_arrives, []),
        (before_the_row, []),
        (before_the_commit, []),
        (after_the_commit, ["a.ogg"]),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
async def test_all_or_nothing(
    storage: Storage, prepare: Callable[[], None], expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "GRACE", timedelta(0))  # as if the day had passed
    async with open_world(storage):
        pass
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe()
    child = spawn.Process(target=serve, args=(storage, prepare, there))
    child.start()
    try:
        assert await asyncio.to_thread(here.poll, START_TIMEOUT_S)
        url, token = here.recv()
        async with httpx.AsyncClient(base_url=url, headers=HEADERS, timeout=30) as client:
            with pytest.raises(httpx.TransportError):
                await client.post(
                    f"{API}/recording/{token}/store",
                    data={"owner": "mira"},
                    files={"file": ("a.ogg", OGG)},
                    headers=signed_headers(SECRET, token.encode()),
                )
        await asyncio.to_thread(child.join, 30)
        assert child.exitcode == -signal.SIGKILL
    finally:
        child.kill()
        child.join()
    async with open_world(storage, new=False) as world:
        assert await kept(world) == expected
        assert (await world.store()).status_code == 200  # the recorder tries again
        assert await kept(world) == ["a.ogg"]
