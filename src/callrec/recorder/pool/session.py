"""One connection to the ledger's database, made anew whenever it was lost."""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar

import psycopg
from psycopg.rows import DictRow, dict_row

from callrec.errors import LedgerAway

CONNECT_TIMEOUT_S = 5
STATEMENT_TIMEOUT_MS = 4000
IDLE_TIMEOUT_MS = 2000
"""A recorder that hangs in the middle of a transaction holds a room's lock no longer than this."""
LIMIT_S = 5.0
"""Of a transaction, with the wait for its turn and for a connection: the database's own limits count for
nothing while it stands still, and its machine goes on to confirm what it is sent."""


_Result = TypeVar("_Result")


class Session:
    """Transactions, one at a time. They raise LedgerAway while the database is not there, or stands still."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: psycopg.AsyncConnection[DictRow] | None = None
        self._in_use = asyncio.Lock()

    @asynccontextmanager
    async def transaction(
        self, until_s: float | None = None
    ) -> AsyncIterator[psycopg.AsyncConnection[DictRow]]:
        """Open a transaction; what is written is durable at the end.

        *until_s*: when it must be over, as time of the event loop; by default ``LIMIT_S`` from now.
        """
        if until_s is None:
            until_s = asyncio.get_running_loop().time() + LIMIT_S
        await _before(until_s, self._in_use.acquire())
        try:
            if self._connection is None:
                self._connection = await _before(until_s, connect(self._url))
            with cut_off(self._connection, until_s):
                async with self._connection.transaction():
                    yield self._connection
        except psycopg.Error as error:
            await self._drop()
            raise LedgerAway(f"ledger: {type(error).__name__}") from error
        except asyncio.CancelledError:
            await self._drop()  # in the middle: nobody knows what the connection is at
            raise
        finally:
            self._in_use.release()

    async def close(self) -> None:
        """Close the connection."""
        async with self._in_use:
            await self._drop()

    async def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(psycopg.Error):
                await connection.close()


async def _before(until_s: float, work: Coroutine[Any, Any, _Result]) -> _Result:
    """Do *work*, which can be cancelled at any moment. Raises LedgerAway when it takes too long."""
    try:
        async with asyncio.timeout_at(until_s):
            return await work
    except TimeoutError as error:
        raise LedgerAway("ledger: TimeoutError") from error


@contextmanager
def cut_off(connection: psycopg.AsyncConnection[DictRow], until_s: float) -> Iterator[None]:
    """Let what waits for the database within this fail when the event loop's time is *until_s*.

    To cancel it would not do: psycopg then asks the database to end the statement, and waits for that.
    """
    handle = asyncio.get_running_loop().call_at(until_s, _shut, connection)
    try:
        yield
    finally:
        handle.cancel()


def _shut(connection: psycopg.AsyncConnection[DictRow]) -> None:
    """End both directions of the connection from here: whoever reads meets its end at once."""
    with (
        contextlib.suppress(OSError, psycopg.Error),
        socket.socket(fileno=os.dup(connection.fileno())) as end,
    ):
        end.shutdown(socket.SHUT_RDWR)


async def connect(url: str) -> psycopg.AsyncConnection[DictRow]:
    """Return a connection that notices soon when its far side is gone. Raises psycopg.Error."""
    return await psycopg.AsyncConnection.connect(
        url,
        autocommit=True,
        row_factory=dict_row,
        connect_timeout=CONNECT_TIMEOUT_S,
        options=(
            f"-c statement_timeout={STATEMENT_TIMEOUT_MS}"
            f" -c idle_in_transaction_session_timeout={IDLE_TIMEOUT_MS}"
        ),
        keepalives_idle=5,
        keepalives_interval=2,
        keepalives_count=2,
        tcp_user_timeout=STATEMENT_TIMEOUT_MS,
    )
