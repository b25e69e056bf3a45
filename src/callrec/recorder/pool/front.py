"""Answers start and stop for the whole pool: whichever recorder is asked, the least loaded one records."""

import asyncio
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

import structlog

from callrec import clock
from callrec.errors import PoolAway, StartRefused
from callrec.recorder.lifecycle.names import new_file_name, new_id
from callrec.recorder.lifecycle.states import LIVE
from callrec.recorder.pool.entries import Entry, Room
from callrec.recorder.pool.member import PoolMember
from callrec.recorder.pool.pick import Member, least_loaded, refusal_of_all
from callrec.settings import BackendSettings
from callrec.wire.recording import Start, Stop, decode_start, encode_start, encode_stop

ANSWER_WITHIN_S = 3.0
"""A person waits, and a server that asks several times (docs/operating.md, Several recorders) has no more."""

log = structlog.get_logger()


class PoolFront:
    """Carries out requests; each is durable in the ledger before it is answered."""

    def __init__(self, member: PoolMember, on_refused: Callable[[str, str], None]) -> None:
        """*on_refused* counts a start for which there was no room: backend, reason."""
        self._member = member
        self._on_refused = on_refused
        self._ledger = member.ledger

    async def start(self, backend: BackendSettings, token: str, request: Start) -> None:
        """Start a recording. The same request for the room's running recording only announces it again.

        Raises:
            StartRefused: no recorder has room for another recording now.
            PoolAway: nobody can tell who records what.
            OSError: the request could not be written to disk.
        """
        async with self._room(backend, token) as room:
            latest = await room.latest()
            if latest is not None and latest.state in LIVE and latest.stop is None:
                if _is_same(latest, request):
                    log.info("recording_start_repeated", recording=latest.recording_id)
                    await room.ask_repeat(latest)
                    return
                log.info("recording_replaced", recording=latest.recording_id)
                await room.ask_stop(latest, encode_stop(Stop()))
            members = self._with_me(await room.members())
            chosen = least_loaded(members, latest.recorder_id if latest else self._ledger.recorder_id)
            entry = None
            if chosen is not None:
                stamp = time.gmtime(clock.wall_s())
                file_name = new_file_name(stamp, backend, request, await room.file_names())
                entry = Entry(
                    recording_id=new_id(stamp),
                    backend=backend.url,
                    token=token,
                    file_name=file_name,
                    request=encode_start(request),
                    recorder_id=chosen.recorder_id,
                    state="accepted",
                )
                await room.add(entry)
        if entry is None:  # raised in there it would undo the stop of what was to be replaced
            reason = refusal_of_all(members) or "no_recorder"
            self._on_refused(backend.url, reason)
            raise StartRefused(reason)
        log.info("pool_placed", recording=entry.recording_id, at=entry.recorder_id)
        self._member.look()

    async def stop(self, backend: BackendSettings, token: str, request: Stop) -> bool:
        """Stop the room's recording, or tell its end again; False when there is none.

        Raises:
            PoolAway: nobody can tell who records what. What is recorded here is stopped all the same.
        """
        try:
            async with self._room(backend, token) as room:
                latest = await room.latest()
                if latest is None or latest.over:
                    return False
                await room.ask_stop(latest, encode_stop(request))
        except PoolAway:
            self._member.stop_here(backend.url, token, request)
            raise
        self._member.look()
        return True

    def _room(self, backend: BackendSettings, token: str) -> AbstractAsyncContextManager[Room]:
        until_s = asyncio.get_running_loop().time() + ANSWER_WITHIN_S
        return self._ledger.room(backend.url, token, until_s)

    def _with_me(self, alive: Iterable[Member]) -> list[Member]:
        """Return who is alive, this recorder as it stands now."""
        me = self._member.condition()
        members = {m.recorder_id: m for m in alive}
        if me.recorder_id in members:  # what was placed at it, and not begun yet, counts
            me = replace(me, capturing=max(me.capturing, members[me.recorder_id].capturing))
        return list((members | {me.recorder_id: me}).values())


def _is_same(latest: Entry, request: Start) -> bool:
    running = decode_start(latest.request)
    return (running.status, running.owner) == (request.status, request.owner)
