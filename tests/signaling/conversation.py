"""The conversation server as the signaling server sees it, told by the test how to behave."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from callrec.wire.signaling import RoomAdmission, SignalingRefusal, SignalingUser

ROOMS = ("room1", "room2")


class Conversation:
    """Admits everybody to its rooms; notes every call."""

    def __init__(self) -> None:
        self.users: list[SignalingUser] = []
        """Who joined and left, as the signaling server says."""
        self.joined: list[tuple[str, str, str]] = []
        self.left: list[tuple[str, str, str]] = []
        self.pings: list[tuple[str, list[str]]] = []
        self.permissions: dict[str, tuple[str, ...]] = {}
        self.on_join: Callable[[str], Awaitable[None]] | None = None
        self.on_leave: Callable[[], Awaitable[None]] | None = None
        self.failure: Exception | None = None
        self.changed = asyncio.Event()

    async def authenticate(self, params: Mapping[str, Any]) -> SignalingUser:
        if self.failure:
            raise self.failure
        if params.get("ticket") != "good":
            raise SignalingRefusal("invalid_ticket", "wrong ticket")
        user_id = str(params.get("userid", ""))
        return SignalingUser(user_id, user_id.title(), guest=str(params.get("guest", "")))

    async def authenticate_token(self, token: str) -> SignalingUser:
        if self.failure:
            raise self.failure
        name, _, word = token.partition(":")
        if word != "good":
            raise SignalingRefusal("token_expired", "the token is over")
        return SignalingUser(name, name.title())

    async def join_room(self, token: str, user: SignalingUser, session_id: str) -> RoomAdmission:
        if self.failure:
            raise self.failure
        if token not in ROOMS:
            raise SignalingRefusal("no_such_room", "no such room")
        self.joined.append((token, user.user_id, session_id))
        self.users.append(user)
        if self.on_join:
            await self.on_join(session_id)
        return RoomAdmission({"name": f"Room {token}"}, self.permissions.get(session_id, ()))

    async def leave_room(self, token: str, user: SignalingUser, session_id: str) -> None:
        if self.on_leave:
            await self.on_leave()
        self.left.append((token, user.user_id, session_id))
        self.users.append(user)
        self._note()

    async def ping(self, token: str, session_ids: Sequence[str]) -> None:
        self.pings.append((token, list(session_ids)))
        self._note()

    async def until(self, reached: Callable[[], bool]) -> None:
        """Wait until *reached*, which looks at the notes, is true."""
        async with asyncio.timeout(20):
            while not reached():
                self.changed.clear()
                await self.changed.wait()

    def _note(self) -> None:
        self.changed.set()
