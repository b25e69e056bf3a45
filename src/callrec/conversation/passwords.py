"""Passwords and random tokens: argon2 in threads for the first, SHA-256 for the second."""

import asyncio
import hashlib
import hmac
import secrets
from collections import OrderedDict

from pwdlib import PasswordHash
from pwdlib.exceptions import UnknownHashError
from pwdlib.hashers.argon2 import Argon2Hasher

MAX_PASSWORD_CHARS = 469
"""Longer passwords are refused before they cost anything."""
CACHE_SIZE = 4096
TOKEN_CHARS = 72


def token_hash(token: str) -> str:
    """Return the form in which a random token is stored."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def new_token() -> str:
    """Return a random token of 72 characters for an app password or a cookie."""
    return secrets.token_hex(TOKEN_CHARS // 2)


class Passwords:
    """Hashes and checks passwords. A success is remembered in memory, because argon2 costs 30 to 200 ms."""

    def __init__(self) -> None:
        self._hasher = PasswordHash((Argon2Hasher(),))
        self._threads = asyncio.Semaphore(2)  # each check takes 64 MiB
        self._key = secrets.token_bytes(32)
        self._good: OrderedDict[bytes, None] = OrderedDict()
        self._decoy: str | None = None

    async def hash(self, password: str) -> str:
        """Return the argon2 hash of *password*."""
        async with self._threads:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def verify(self, password: str, stored: str | None) -> bool:
        """Tell whether *password* has the hash *stored*; without one it takes as long and is False."""
        if len(password) > MAX_PASSWORD_CHARS:
            return False
        if stored is None:
            if self._decoy is None:
                self._decoy = await self.hash(secrets.token_hex(16))
            await self._argon2(password, self._decoy)
            return False
        remembered = hmac.digest(
            self._key, f"{stored}\0{password}".encode("utf-8", "surrogatepass"), "sha256"
        )
        if remembered in self._good:
            self._good.move_to_end(remembered)
            return True
        good = await self._argon2(password, stored)
        if good:
            self._good[remembered] = None
            while len(self._good) > CACHE_SIZE:
                self._good.popitem(last=False)
        return good

    async def _argon2(self, password: str, stored: str) -> bool:
        async with self._threads:
            try:
                return await asyncio.to_thread(self._hasher.verify, password, stored)
            except UnknownHashError:
                return False
