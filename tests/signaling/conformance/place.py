"""A signaling server with its conversation server, and the people who talk over it."""

import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import msgspec

from callrec.wire.checksum import SIGNALING_BACKEND, signaling_headers
from tests.conversation.standalone_server import StandaloneServer
from tests.ports import free_port
from tests.recorder.lab import serving
from tests.signaling.client import BACKEND_URL, SECRET, Client
from tests.signaling.conftest import CONFIG, running

from .far_conversation import BACKEND_SECRET, TokenConversation, routes
from .person import Person, bye
from .transcript import Line

Push = Callable[[str, Mapping[str, Any]], Awaitable[None]]

PROPERTIES = {"room1": {"name": "Room room1"}, "room2": {"name": "Room room2"}}


@dataclass
class Place:
    """``version`` is that of the standalone server; none for our own: tests name by it where they differ."""

    url: str
    backend_url: str
    conversation: TokenConversation
    version: str | None
    _push: Push
    properties: dict[str, Any] = field(default_factory=lambda: dict(PROPERTIES))
    """What those who join a room are told about it."""
    _without_properties: set[str] = field(default_factory=set)
    _people: list[Person] = field(default_factory=list)
    _entries: dict[str, Line] = field(default_factory=dict)
    _names: dict[str, str] = field(default_factory=dict)
    _sockets: AsyncExitStack = field(default_factory=AsyncExitStack)

    @property
    def embedded(self) -> bool:
        """This is our own server."""
        return self.version is None

    async def connect(self, name: str) -> Person:
        """Open a socket and take the welcome."""
        client = await self._sockets.enter_async_context(Client.connect(f"ws{self.url[4:]}/spreed"))
        welcome = await client.receive()
        assert welcome["type"] == "welcome" and isinstance(welcome["welcome"]["version"], str)
        person = Person(name, client, self.backend_url, self._names)
        self._people.append(person)
        return person

    async def user(self, name: str, room: str = "", *, user: str | None = None) -> Person:
        """Connect and say hello as the user *name* (or *user*; empty: a guest); enter the room if named."""
        person = await self.connect(name)
        user = name if user is None else user
        answer = await person.hello(user)
        assert answer["type"] == "hello", answer
        if room:
            await self.enter(person, room, user)
        return person

    async def recorder(self, room: str = "", *, name: str = "rec", says_in_call: bool = True) -> Person:
        """Connect as internal client; enter the room if named."""
        person = await self.connect(name)
        assert (await person.hello_internal(says_in_call=says_in_call))["type"] == "hello"
        if room:
            await self.enter(person, room, None)
        return person

    async def enter(self, person: Person, room: str, user: str | None) -> None:
        """Join a room: the answer comes, all see the newcomer, and it sees all."""
        others = self.inside(room)
        content = {"roomid": room} if user is None else {"roomid": room, "sessionid": f"nc-{person.name}"}
        await person.send("room", content, "enter")
        entry = join_entry(person.name, user)
        present = [self._entries[other.name] for other in others]
        # An internal client asks nobody: it is told the properties that somebody else has brought. To the
        # standalone server a room that it has opened stays without any.
        if user is None and not present and not self.embedded:
            self._without_properties.add(room)
        known = user is not None or any("roomsessionid" in other for other in present)
        known = known and room not in self._without_properties
        properties = {"properties": self.properties[room]} if known else {}
        answer = {"id": "enter", "type": "room", "room": {"roomid": room, **properties}}
        await person.hears(answer, {"joined": entry}, *({"joined": other} for other in present))
        for other in others:
            await other.hears({"joined": entry})
        person.room = room
        self._entries[person.name] = entry

    async def leave(self, person: Person) -> None:
        """End the session by a bye: all in its room hear of it."""
        await person.send("bye", {}, "1")
        # Version 2.0 leaves an empty reason out.
        answer: Line = {"type": "bye"} if self.version == "2.0" else bye("")
        await person.is_put_off({"id": "1", **answer})
        for other in self.inside(person.room):
            await other.hears({"left": f"<{person.name}>"})

    async def take_over(self, old: Person, new: Person, user: str) -> None:
        """Join with *new* by the conversation session of *old*, which is put off; its room hears of both."""
        others = [other for other in self.inside(old.room) if other is not old]
        await new.send("room", {"roomid": old.room, "sessionid": f"nc-{old.name}"}, "1")
        entry = {**join_entry(new.name, user), "roomsessionid": f"nc-{old.name}"}
        content = {"roomid": old.room, "properties": self.properties[old.room]}
        present = [{"joined": self._entries[other.name]} for other in others]
        await new.hears({"id": "1", "type": "room", "room": content}, {"joined": entry}, *present)
        await old.is_put_off(bye("room_session_reconnected"))
        for other in others:
            await other.hears({"left": f"<{old.name}>"}, {"joined": entry})
        new.room = old.room
        self._entries[new.name] = entry

    def inside(self, room: str) -> list[Person]:
        """Return who is in the room and has a socket."""
        return [person for person in self._people if person.room == room and not person.closed]

    async def push(self, kind: str, room: str = "room1", **content: Any) -> None:
        """Tell the signaling server about a room, as the conversation server."""
        await self._push(room, {"type": kind, kind: content})

    async def settle(self) -> None:
        """Check that nobody has been told anything that no test expected."""
        for room in PROPERTIES:
            if inside := self.inside(room):
                data = {"type": "the end"}
                await self.push("message", room, data=data)
                for person in inside:
                    await person.hears(room_message(data, room))
        for person in self._people:
            if not person.closed:
                await person.quiet()

    async def close(self) -> None:
        """Close all sockets."""
        await self._sockets.aclose()


def join_entry(name: str, user: str | None) -> Line:
    """Return the join entry of a user, a guest (empty) or an internal client (None)."""
    entry: Line = {"sessionid": f"<{name}>", "userid": user or ""}
    if user is not None:
        entry["roomsessionid"] = f"nc-{name}"
    if user:
        entry["user"] = {"displayname": user.title()}
    return entry


def room_message(data: Any, room: str = "room1") -> Line:
    """Return the line of a message of the conversation server to a room."""
    return {
        "type": "event",
        "event": {"target": "room", "type": "message", "message": {"roomid": room, "data": data}},
    }


@asynccontextmanager
async def embedded(_folder: Path, **settings: Any) -> AsyncIterator[Place]:
    """Run our server in this process."""
    conversation = TokenConversation(BACKEND_URL)
    async with running(replace(CONFIG, **settings), conversation=conversation) as house:
        place = Place(house.url, BACKEND_URL, conversation, None, house.server.push)
        try:
            yield place
        finally:
            await place.close()


@asynccontextmanager
async def standalone(folder: Path, version: str, **_settings: Any) -> AsyncIterator[Place]:
    """Run the standalone server as a process. Its limits cannot be set."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        conversation = TokenConversation(url)
        server = StandaloneServer(
            folder,
            free_port(),
            backend_url=url,
            secret=BACKEND_SECRET,
            internal_secret=SECRET,
            version=version,
        )
        async with serving(routes(conversation), listening), httpx.AsyncClient() as http:

            async def push(room: str, request: Mapping[str, Any]) -> None:
                body = msgspec.json.encode(request)
                headers = {
                    **signaling_headers(BACKEND_SECRET, body),
                    SIGNALING_BACKEND: f"{url}/",
                    "Content-Type": "application/json",
                }
                answer = await http.post(f"{server.url}/api/v1/room/{room}", content=body, headers=headers)
                answer.raise_for_status()

            await server.start()
            place = Place(server.url, url, conversation, version, push)
            try:
                yield place
            finally:
                await place.close()
                await server.kill()
