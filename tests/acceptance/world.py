"""A conversation server on a real socket, stand-ins for the far sides, and people who are there.

Requests have the form that Talk's own integration tests give them: form bodies whatever the method, HTTP
Basic each time, one cookie jar for each person.
"""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import httpx

from tests.conversation import conftest
from tests.conversation.far_recorder import FarRecorder, far_recorder
from tests.conversation.far_signaling import FarSignaling, far_signaling
from tests.conversation.storage import Storage

RECORDING_SECRET = "the recording secret"
SIGNALING_SECRET = "the signaling secret"
PASSWORD = "123456"
ADMIN = "admin"
OCS = "/ocs/v2.php"
API1 = f"{OCS}/apps/spreed/api/v1"
API3 = f"{OCS}/apps/spreed/api/v3"
API4 = f"{OCS}/apps/spreed/api/v4"
CONFIG = f"{OCS}/apps/provisioning_api/api/v1/config/apps"
HEADERS = {"OCS-ApiRequest": "true", "Accept": "application/json"}


@dataclass
class World:
    """The server, the far sides and the people. ``rooms`` holds tokens by the names that a scenario uses."""

    url: str
    storage: Storage
    recorder: FarRecorder
    signaling: FarSignaling
    server: conftest.World
    stack: AsyncExitStack
    people: dict[str | None, httpx.AsyncClient] = field(default_factory=dict)
    rooms: dict[str, str] = field(default_factory=dict)

    async def client(self, person: str | None) -> httpx.AsyncClient:
        """Return the person's client with his cookie jar; None is a guest."""
        if person not in self.people:
            password = conftest.ADMIN_PASSWORD if person == ADMIN else PASSWORD
            auth = (person, password) if person else None
            http = httpx.AsyncClient(base_url=self.url, auth=auth, headers=HEADERS, timeout=30)
            self.people[person] = await self.stack.enter_async_context(http)
        return self.people[person]

    async def send(
        self,
        person: str | None,
        method: str,
        path: str,
        fields: Mapping[str, Any] | None = None,
        *,
        status: int | None = 200,
        **options: Any,
    ) -> httpx.Response:
        """Send a request with *fields* as a form, and check the status of the answer (None: do not)."""
        client = await self.client(person)
        answer = await client.request(method, path, data=fields, **options)
        assert status in (None, answer.status_code), f"{method} {path}: {answer.status_code} {answer.text}"
        return answer

    async def data(self, person: str | None, method: str, path: str, *args: Any, **options: Any) -> Any:
        """Send a request as ``send`` does and return ``ocs.data``."""
        return (await self.send(person, method, path, *args, **options)).json()["ocs"]["data"]

    async def add_user(self, name: str) -> None:
        """Create a user with the display name ``{name}-displayname``."""
        await self.send(ADMIN, "POST", f"{OCS}/cloud/users", {"userid": name, "password": PASSWORD})
        change = {"key": "displayname", "value": f"{name}-displayname"}
        await self.send(ADMIN, "PUT", f"{OCS}/cloud/users/{name}", change)

    async def set_config(self, key: str, value: Any, app: str = "spreed") -> None:
        """Set an app config value; what is no text is set as JSON."""
        text = value if isinstance(value, str) else json.dumps(value)
        await self.send(ADMIN, "POST", f"{CONFIG}/{app}/{key}", {"value": text})

    async def delete_config(self, key: str, app: str = "spreed") -> None:
        """Go back to the built-in value of an app config key."""
        await self.send(ADMIN, "DELETE", f"{CONFIG}/{app}/{key}")

    async def use_stand_ins(self) -> None:
        """Tell the server where the recording server and the signaling server are."""
        for key, url, secret in (
            ("recording_servers", self.recorder.url, RECORDING_SECRET),
            ("signaling_servers", self.signaling.url, SIGNALING_SECRET),
        ):
            await self.set_config(key, {"servers": [{"server": url}], "secret": secret})


@asynccontextmanager
async def open_world(storage: Storage, *, new: bool = True, **settings: Any) -> AsyncIterator[World]:
    """Run a server on *storage*, with the stand-ins of which it does not know yet.

    *new* False: the storage holds another server's data already.
    """
    web = storage.data.parent / "web"
    web.mkdir(exist_ok=True)
    (web / "index.html").write_text("<!doctype html>")
    if new:
        storage.prepare()
    config = conftest.config_for(storage.data, web, **storage.settings, **settings)
    config = replace(config, recorder_url=None, recording_secret="")
    async with AsyncExitStack() as stack:
        recorder = await stack.enter_async_context(far_recorder(RECORDING_SECRET))
        signaling = await stack.enter_async_context(far_signaling(SIGNALING_SECRET))
        signaling.content = b"OK"  # Talk's own stand-in answers text
        server = await stack.enter_async_context(conftest.serving(config))
        clients = await stack.enter_async_context(AsyncExitStack())
        yield World(server.url, storage, recorder, signaling, server, clients)
