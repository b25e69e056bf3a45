"""One connection to the ledger's database, made anew whenever it was lost."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
from psycopg.rows import DictRow, dict_row

from callrec.errors import LedgerAway

CONNECT_TIMEOUT_S = 5
STATEMENT_TIMEOUT_MS = 5000
IDLE_TIMEOUT_MS = 5000
"""A recorder that hangs in the middle of a transaction holds a room's lock no longer than this."""


class Session:
    """Transactions, one at a time. They raise LedgerAway while the database is not there."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: psycopg.AsyncConnection[DictRow] | None = None
        self._in_use = asyncio.Lock()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[psycopg.AsyncConnection[DictRow]]:
        """Open a transaction; what is written is durable at the end."""
        async with self._in_use:
            try:
                if self._connection is None:
                    self._connection = await connect(self._url)
                async with self._connection.transaction():
                    yield self._connection
            except psycopg.Error as error:
                await self._drop()
                raise LedgerAway(f"ledger: {type(error).__name__}") from error
            except asyncio.CancelledError:
                await self._drop()  # in the middle: nobody knows what the connection is at
                raise

    async def close(self) -> None:
        """Close the connection."""
        async with self._in_use:
            await self._drop()

    async def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(psycopg.Error):
                await connection.close()


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
