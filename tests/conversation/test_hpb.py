"""Our conversation server with the real standalone signaling server between it and its clients."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.ports import free_port
from tests.signaling.client import Client as SignalingClient
from tests.signaling.client import internal_params
from tests.waiting import eventually

from .conftest import API1, API3, API4, RECORDING_SECRET, Client, World, config_for, serving
from .far_recorder import FarRecorder, far_recorder
from .standalone_server import standalone_server

pytestmark = pytest.mark.hpb

SECRET = "the signaling secret"
INTERNAL_SECRET = "the internal secret of this test"
CONFIG = "/ocs/v2.php/apps/provisioning_api/api/v1/config/apps/spreed"


@dataclass
class Lab:
    """A conversation server, the signaling server that it uses, and a recorder."""

    world: World
    recorder: FarRecorder
    signaling_url: str
    clients: AsyncExitStack

    async def connect(self) -> SignalingClient:
        """Open a socket to the signaling server and take its welcome."""
        url = f"ws{self.signaling_url[4:]}/spreed"
        client = await self.clients.enter_async_context(SignalingClient.connect(url))
        assert (await client.receive())["type"] == "welcome"
        return client

    async def enter(self, client: Client, token: str, version: str) -> tuple[SignalingClient, dict[str, Any]]:
        """Join a room as a client does: over HTTP, then with its settings at the signaling server."""
        session = (await self.world.join(client, token))["sessionId"]
        settings = await client.data("GET", f"{API3}/signaling/settings", params={"token": token})
        assert settings["server"] == self.signaling_url
        socket = await self.connect()
        auth = {
            "url": f"{self.world.url}/ocs/v2.php/apps/spreed/api/v3/signaling/backend",
            "params": {
                "userid": settings["userId"] or "",
                "ticket": settings["ticket"],
                **settings["helloAuthParams"][version],
            },
        }
        answer = await socket.hello("", version=version, auth=auth)
        assert answer["type"] == "hello", answer
        assert answer["hello"].get("userid", "") == (settings["userId"] or "")
        joined = await socket.ask("room", {"roomid": token, "sessionid": session})
        assert joined["type"] == "room", joined
        return socket, joined["room"]


@pytest.fixture
async def lab(tmp_path: Path, web: Path) -> AsyncIterator[Lab]:
    port, signaling_port = free_port(), free_port()
    url = f"http://127.0.0.1:{port}"
    config = replace(config_for(tmp_path / "data", web), public_url=url)
    async with (
        AsyncExitStack() as stack,
        far_recorder(RECORDING_SECRET) as recorder,
        serving(config, port) as world,
    ):
        signaling_url = await stack.enter_async_context(
            standalone_server(
                tmp_path,
                signaling_port,
                backend_url=url,
                secret=SECRET,
                internal_secret=INTERNAL_SECRET,
            )
        )
        admin = await world.admin()
        for key, value in {
            "signaling_servers": {"servers": [{"server": signaling_url}], "secret": SECRET},
            "recording_servers": {"servers": [{"server": recorder.url}], "secret": RECORDING_SECRET},
        }.items():
            await admin.data("POST", f"{CONFIG}/{key}", json={"value": json.dumps(value)})
        clients = await stack.enter_async_context(AsyncExitStack())
        yield Lab(world, recorder, signaling_url, clients)


async def room_message(client: SignalingClient, kind: str) -> Any:
    """Return the next message of this kind to everybody in the room."""
    while True:
        message = await client.event("room", "message")
        if message["data"].get("type") == kind:
            return message["data"][kind]


@pytest.mark.timeout(170)
async def test_a_call_and_its_recording(lab: Lab) -> None:
    world = lab.world
    mira, guest = await world.user("mira", "Mira M."), await world.client()
    token = await world.room(mira, kind=3, name="Open")
    mira_socket, room = await lab.enter(mira, token, "2.0")
    assert room["properties"]["name"] == "Open"
    guest_socket, _ = await lab.enter(guest, token, "1.0")

    await mira.data("POST", f"{API1}/chat/{token}", json={"message": "hello"}, status=201)
    assert await room_message(guest_socket, "chat") == {"refresh": True}

    await mira.data("POST", f"{API4}/call/{token}", json={"flags": 7})
    users = await guest_socket.participants()
    assert users[mira_socket.id]["inCall"] == 7
    assert users[mira_socket.id]["userId"] == "mira"

    # The recorder comes in by the internal secret and sees who is in the call.
    recorder = await lab.connect()
    params = internal_params(INTERNAL_SECRET, backend=world.url)
    assert (await recorder.hello_internal(params))["type"] == "hello"
    assert (await recorder.ask("room", {"roomid": token}))["type"] == "room"
    assert (await recorder.participants())[mira_socket.id]["inCall"] == 7

    await mira.data("POST", f"{API1}/recording/{token}", json={"status": 1})
    assert len(lab.recorder.take()) == 1
    for socket in (guest_socket, recorder):
        assert await room_message(socket, "recording") == {"status": 3}

    await mira.data("DELETE", f"{API4}/call/{token}")
    assert (await guest_socket.participants())[mira_socket.id]["inCall"] == 0
    assert lab.recorder.take() == [b'{"type":"stop","stop":[]}']

    # A socket that is gone for good takes its session out of the call.
    await mira.data("POST", f"{API4}/call/{token}", json={"flags": 3})
    assert (await guest_socket.participants())[mira_socket.id]["inCall"] == 3
    await mira_socket.send("bye", {})
    await mira_socket.until_closed()

    async def has_left() -> bool:
        return not (await mira.data("GET", f"{API4}/room/{token}"))["hasCall"]

    await eventually(has_left)


async def test_who_is_refused(lab: Lab) -> None:
    mira = await lab.world.user("mira")
    token = await lab.world.room(mira)
    socket = await lab.connect()
    url = f"{lab.world.url}/ocs/v2.php/apps/spreed/api/v3/signaling/backend"
    params = {"userid": "mira", "ticket": "not:1:mira:good"}
    answer = await socket.hello("", auth={"url": url, "params": params})
    assert answer["error"]["code"] == "invalid_ticket"
    ticket = (await mira.data("GET", f"{API3}/signaling/settings"))["ticket"]
    answer = await socket.hello("", auth={"url": url, "params": {"userid": "mira", "ticket": ticket}})
    assert answer["type"] == "hello"
    refused = await socket.ask("room", {"roomid": token, "sessionid": "unknown"})
    assert refused["error"]["code"] == "no_such_room"
