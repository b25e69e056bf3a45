"""A scripted client that accounts for every message it gets."""

import asyncio
import json
import secrets
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from websockets.exceptions import ConnectionClosed

from tests.signaling.client import PATIENCE_S, Client, Message, internal_params
from tests.signaling.conformance.transcript import Line, key, lines, named, update, without_version

CALLBACK_PATH = "/ocs/v2.php/apps/spreed/api/v3/signaling/backend"


class Person:
    """One session: what it has been told and nobody has expected yet, and the call as it sees it.

    Participants updates are kept apart. How many come, and whether they repeat what is known, is up to the
    server; what counts is the call that a client sees who merges them and believes joins and leaves more.
    """

    def __init__(self, name: str, client: Client, backend_url: str, names: dict[str, str]) -> None:
        self.name = name
        self.client = client
        self.room = ""
        self.call: dict[str, Line] = {}
        """The entries of participants, by name."""
        self.present: set[str] = set()
        """Who is in the room by joins and leaves."""
        self.closed = False
        self._backend_url = backend_url
        self._names = names
        self._unclaimed: list[Line] = []
        self._perhaps: list[Line] = []
        """What may come, and may come late."""

    @property
    def session(self) -> str:
        """The public session id: for what is sent. In what is heard it stands as the name."""
        return self.client.id

    async def hello(self, user: str, **changes: Any) -> Line:
        """Say hello with a ticket; return the answer."""
        url = self._backend_url + CALLBACK_PATH
        auth = {"url": url, "params": {"userid": user, "ticket": "good"}}
        return await self.say_hello({"version": "1.0", "auth": auth, **changes})

    async def hello_with_token(self, token: str) -> Line:
        """Say hello 2.0; return the answer."""
        auth = {"url": self._backend_url + CALLBACK_PATH, "params": {"token": token}}
        return await self.say_hello({"version": "2.0", "auth": auth})

    async def hello_internal(self, *, says_in_call: bool = True, **changes: Any) -> Line:
        """Say hello as an internal client; return the answer."""
        auth = {"type": "internal", "params": internal_params(**{"backend": self._backend_url, **changes})}
        features = ["internal-incall"] if says_in_call else []
        return await self.say_hello({"version": "1.0", "features": features, "auth": auth})

    async def say_hello(self, content: Message) -> Line:
        """Send a hello and return the answer, a refusal too."""
        await self.send("hello", content, "hello")
        answer: Message = json.loads(await asyncio.wait_for(self.client.socket.recv(), PATIENCE_S))
        if answer["type"] != "hello":
            (refusal,) = lines(answer)
            return refusal
        self.client.id = answer["hello"]["sessionid"]
        self.client.resume_id = answer["hello"]["resumeid"]
        # The longer one first: an id must not be cut by another one that is part of it.
        self._names[self.client.id] = f"<{self.name}>"
        self._names[self.client.resume_id] = f"<secret of {self.name}>"
        return named(json.dumps(answer), self._names)

    async def send(self, kind: str, content: Any, message_id: str | None = None) -> None:
        """Send a message."""
        await self.client.send(kind, content, message_id)

    async def tell(self, recipient: Message, data: Any = "x", kind: str = "message") -> None:
        """Send *data* to others."""
        await self.send(kind, {"recipient": recipient, "data": data}, "told")

    async def hears(self, *expected: Line, perhaps: Sequence[Line] = ()) -> None:
        """Wait for these messages, in any order, and for no other ones.

        *perhaps*: may come as well, now or later.
        """
        missing = [key(line) for line in expected]
        # A time-out is no more than an answer that misses something: the assertion names it.
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                while self._claim(missing):
                    await self._take()
        self._perhaps += perhaps
        for line in list(self._perhaps):
            if line in self._unclaimed:
                self._unclaimed.remove(line)
                self._perhaps.remove(line)
        assert not missing and not self._unclaimed, (
            f"{self.name} misses {missing} and has {[key(line) for line in self._unclaimed]}"
        )

    def _claim(self, missing: list[str]) -> list[str]:
        """Take what has come of *missing* off both lists; return the rest of it."""
        for line in list(self._unclaimed):
            if key(line) in missing:
                missing.remove(key(line))
                self._unclaimed.remove(line)
        return missing

    async def sees(self, **in_call: int) -> None:
        """Wait until exactly these are in the call, with these flags."""
        wanted = {f"<{name}>": flags for name, flags in in_call.items()}
        async with asyncio.timeout(PATIENCE_S):
            while self.in_call != wanted:
                await self._take()

    @property
    def in_call(self) -> dict[str, int]:
        """The in-call flags of those who are in the room and in the call."""
        return {
            name: entry["inCall"]
            for name, entry in self.call.items()
            if entry["inCall"] and name in self.present
        }

    async def is_put_off(self, *last: Line) -> None:
        """Wait until the server closes the socket; these are the last messages."""
        try:
            while True:
                await self._take()
        except ConnectionClosed:
            self.closed = True
        await self.hears(*last)

    async def quiet(self) -> None:
        """Wait for the answer to a message of our own: nothing must have come before it."""
        fence = secrets.token_hex(4)
        if self.session:
            await self.send("message", None, fence)
            await self.hears(refusal("invalid_format", fence))
        else:
            await self.send("bye", {}, fence)
            await self.hears(refusal("hello_expected", fence))

    async def next_line(self) -> Line:
        """Return the next message."""
        while not self._unclaimed:
            await self._take()
        return self._unclaimed.pop(0)

    async def _take(self) -> None:
        text = await self.client.socket.recv()
        assert isinstance(text, str)
        for line in lines(named(text, self._names)):
            content = update(line)
            if content is None:
                self._unclaimed.append(line)
            elif content.get("all"):
                assert set(content) == {"roomid", "incall", "all"}
                for entry in self.call.values():
                    entry["inCall"] = content["incall"]
            else:
                assert set(content) == {"roomid", "users"}
                self.call |= {user["sessionId"]: without_version(user) for user in content["users"]}
            if "joined" in line:
                self.present.add(line["joined"]["sessionid"])
            elif "left" in line:
                self.present.discard(line["left"])
                self.call.pop(line["left"], None)


def refusal(code: str, message_id: str | None = "told", **more: Any) -> Line:
    """Return the line of an error."""
    line: Line = {"type": "error", "error": {"code": code, **more}}
    return line if message_id is None else {"id": message_id, **line}


def bye(reason: str) -> Line:
    """Return the line of the last message on a socket."""
    return {"type": "bye", "bye": {"reason": reason}}


def from_(sender: str, data: Any, *, to: str = "session", user: str = "", kind: str = "message") -> Line:
    """Return the line of a relayed message: of the person *sender*, logged in as *user* if any."""
    content: Line = {"type": to, "sessionid": f"<{sender}>"}
    if user:
        content["userid"] = user
    return {"type": kind, kind: {"sender": content, "data": data}}
