"""``callrec serve`` with runs in it, several at a time."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from sqlalchemy import make_url

from tests.chaos.kills import ALL, Killer, Victim
from tests.chaos.story import Story, Told
from tests.conversation.services import postgresql_cluster
from tests.conversation.storage import administer
from tests.e2e.serve_process import ServeProcess

RUNS_PER_HOUSE = 10
"""A supervised program that dies within a minute after it was started waits longer each time: with a kill a
second that would be what is tested. So a house is left after some."""
DURABLE = ("fsync=off", "max_connections=200")
"""What is committed outlives a restart of the database, not of the machine."""


async def play_all(
    folder: Path,
    seed: int,
    runs: int,
    *,
    side_by_side: int,
    first: int = 0,
    with_postgresql: bool = False,
    note: Callable[[Told], object] = lambda _told: None,
) -> None:
    """Play *runs* runs with the numbers from *first* on; *note* is told of each.

    A run's seed is *seed* and its number; who is killed takes turns.
    """
    with _cluster(with_postgresql) as cluster:
        victims: tuple[Victim, ...] = ALL if cluster is None else (*ALL, "postgresql")
        numbers = range(first, first + runs)
        for house, begin in enumerate(range(0, runs, RUNS_PER_HOUSE)):
            plays = {
                f"{seed}.{n}": victims[n % len(victims)] for n in numbers[begin : begin + RUNS_PER_HOUSE]
            }
            await _play_in_a_house(folder / f"house{house}", plays, side_by_side, cluster, note)


async def _play_in_a_house(
    folder: Path,
    plays: Mapping[str, Victim],
    side_by_side: int,
    cluster: str | None,
    note: Callable[[Told], object],
) -> None:
    folder.mkdir()
    serve = ServeProcess(folder / "data")
    serve.environment = {
        "CALLREC_RECORDER__WIDTH_PX": "640",
        "CALLREC_RECORDER__HEIGHT_PX": "360",
        "CALLREC_RECORDER__RETRY_LONGEST_S": "2",
        **(_on_postgresql(cluster, folder) if cluster is not None else {}),
    }
    killer = Killer(serve, cluster)
    places = asyncio.Semaphore(side_by_side)

    async def play(seed: str, victim: Victim) -> None:
        async with places:
            note(await Story(killer, seed, victim, folder).play())

    try:
        await serve.start()
        async with asyncio.TaskGroup() as group:
            for seed, victim in plays.items():
                group.create_task(play(seed, victim))
        serve.stop()
        await serve.nobody_left()
    finally:
        serve.kill()


def _on_postgresql(cluster: str, folder: Path) -> dict[str, str]:
    """Return the environment of a house whose server and recorder use databases of their own in *cluster*."""
    for name in ("conversation", "ledger"):
        administer(cluster, f'CREATE DATABASE "{folder.name}-{name}"')
    ledger = make_url(f"{cluster}/{folder.name}-ledger").set(drivername="postgresql")
    return {
        "CALLREC_CONVERSATION__DATABASE_URL": f"{cluster}/{folder.name}-conversation",
        "CALLREC_RECORDER__POOL__DATABASE_URL": ledger.render_as_string(hide_password=False),
        "CALLREC_RECORDER__POOL__BLOBS_URL": f"file://{folder / 'mirror'}",
    }


@contextlib.contextmanager
def _cluster(wanted: bool) -> Iterator[str | None]:
    if not wanted:
        yield None
        return
    with postgresql_cluster(DURABLE) as cluster:
        yield cluster
