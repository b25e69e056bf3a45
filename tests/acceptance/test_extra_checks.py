"""Checks beside the acceptance scenarios, over HTTP.

Shown elsewhere already, in tests/conversation and its recordings:

- stop answered with 404: ``test_recording_api`` (a recording that the recorder does not know)
- a recorder that is away, slow or refuses at start: ``test_recording_api`` (put back silently, slow)
- starts at the same moment: ``test_load``; of several server processes: ``test_simultaneous_starts`` here
- store with wrong extension or content, empty, missing part, owner who is not in the room: ``test_store``
  (refusals in order, without a file, an owner who takes part); real files of each type: ``test_media_type``
- upload in chunks: ``test_chunked_store`` (joined by number, a link does nothing else)
- share twice: ``test_share``; dismiss twice: ``test_notifications`` (a wrong time)
"""

import json
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree as ET

import httpx
import pytest

from callrec.conversation.outbound import outbox
from callrec.wire.checksum import checksum
from tests.conversation.far_recorder import far_recorder
from tests.conversation.ogg_pages import THEORA, VORBIS, page
from tests.conversation.recording_world import OGG

from .steps import (
    OFF,
    P1,
    RECORDING_VIDEO,
    STARTING_VIDEO,
    STOP,
    VIDEO,
    create_room,
    join_call,
    join_room,
    leave_call,
    notifications,
    recording_started,
    recording_status,
    recording_stopped,
    room_in_call,
    start_body,
    start_recording,
)
from .world import API1, API4, HEADERS, RECORDING_SECRET, World

EBML = b"\x1a\x45\xdf\xa3"
ENDPOINTS = ("backend", "store", "request-upload")


class Recorder:
    """Signs in every way, good and bad, with the headers' names spelled by *spelling*."""

    def __init__(self, world: World, http: httpx.AsyncClient, spelling: Callable[[str], str]) -> None:
        self.token = world.rooms["room1"]
        self._http = http
        self._spelling = spelling

    async def send(
        self, endpoint: str, *, random: str = "r" * 32, secret: str = RECORDING_SECRET, upper: bool = False
    ) -> int:
        """Send a good request to one of ``ENDPOINTS`` and return the status of the answer."""
        body = b'{"type":"stopped","stopped":{"token":"%s"}}' % self.token.encode()
        options: dict[str, Any] = {"content": body}
        signed, path = body, f"{API1}/recording/backend"
        if endpoint != "backend":
            signed, path = self.token.encode(), f"{API1}/recording/{self.token}/{endpoint}"
            options = {"data": {"owner": P1, "fileName": "a.ogg"}}
        if endpoint == "store":
            options = {"data": {"owner": P1}, "files": {"file": ("a.ogg", OGG)}}
        signature = checksum(secret, random, signed)
        headers = {
            "OCS-ApiRequest": "true",
            "Talk-Recording-Random": random,
            "Talk-Recording-Checksum": signature.upper() if upper else signature,
        }
        spelled = {self._spelling(name): value for name, value in headers.items()}
        return (await self._http.post(path, headers=spelled, **options)).status_code


@pytest.mark.parametrize("endpoint", ENDPOINTS)
async def test_signatures(mocked: World, endpoint: str) -> None:
    await mocked.add_user(P1)
    await create_room(mocked, P1, "room1")
    refused = 403 if endpoint == "backend" else 401
    async with httpx.AsyncClient(base_url=mocked.url) as http:
        recorder = Recorder(mocked, http, str)
        assert await recorder.send(endpoint) == 200
        assert await recorder.send(endpoint, upper=True) == 200
        assert await recorder.send(endpoint, random="r" * 31) == refused
        assert await recorder.send(endpoint, secret="another") == refused
        for spelling in (_underscores, str.lower, lambda name: _underscores(name).lower()):
            assert await Recorder(mocked, http, spelling).send(endpoint) == 200
        servers = [{"server": mocked.recorder.url}]
        for nothing in ({"servers": servers, "secret": ""}, {"servers": servers}):
            await mocked.set_config("recording_servers", nothing)
            assert await recorder.send(endpoint, secret="") == refused


def _underscores(name: str) -> str:
    return name.upper().replace("-", "_")


async def test_started_counts_once(mocked: World) -> None:
    await room_in_call(mocked, P1, "room1")
    await recording_started(mocked, "room1", VIDEO, P1, status=404)
    await start_recording(mocked, P1, "room1", VIDEO)
    await recording_started(mocked, "room1", VIDEO, P1)
    assert len(mocked.signaling.take()) == 5
    await recording_started(mocked, "room1", VIDEO, P1, status=404)
    (told,) = mocked.signaling.take()  # the status as it was, for a recorder that died while it was agreed to
    assert json.loads(told)["message"]["data"] == {"type": "recording", "recording": {"status": VIDEO}}
    assert await recording_status(mocked, P1, "room1") == RECORDING_VIDEO
    await recording_stopped(mocked, "room1", P1)
    await recording_started(mocked, "room1", VIDEO, P1, status=404)
    assert await recording_status(mocked, P1, "room1") == OFF


async def test_no_recording_in_the_mode_internal(mocked: World) -> None:
    await room_in_call(mocked, P1, "room1")
    await mocked.set_config("signaling_mode", "internal")
    await start_recording(mocked, P1, "room1", VIDEO, 400, "config")
    assert mocked.recorder.take() == []
    await mocked.delete_config("signaling_mode")
    await start_recording(mocked, P1, "room1", VIDEO)


async def test_the_last_one_leaves_while_the_recorder_is_away(
    mocked: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "RETRY_FIRST_S", 0.05)
    async with far_recorder(RECORDING_SECRET) as away:
        await mocked.set_config(
            "recording_servers", {"servers": [{"server": away.url}], "secret": RECORDING_SECRET}
        )
        await room_in_call(mocked, P1, "room1")
        await start_recording(mocked, P1, "room1", VIDEO)
        assert away.take() == [start_body(VIDEO, P1)]
        await recording_started(mocked, "room1", VIDEO, P1)
    await leave_call(mocked, P1, "room1")
    assert await recording_status(mocked, P1, "room1") == RECORDING_VIDEO
    async with far_recorder(RECORDING_SECRET, int(away.url.rpartition(":")[2])) as back:
        await back.wait_for(1)
        assert back.take() == [STOP]


@pytest.mark.parametrize("moderator", [False, True])
async def test_guests_are_told_to_sign_in(mocked: World, moderator: bool) -> None:
    await mocked.add_user(P1)
    token = await create_room(mocked, P1, "room1", kind=3)
    await join_room(mocked, P1, "room1")
    await join_call(mocked, P1, "room1")
    guest = await mocked.data(None, "POST", f"{API4}/room/{token}/participants/active")
    if moderator:
        path = f"{API4}/room/{token}/moderators"
        await mocked.send(P1, "POST", path, {"attendeeId": guest["attendeeId"]})
    me = await mocked.data(None, "GET", f"{API4}/room/{token}")
    assert me["participantType"] == (6 if moderator else 4)
    for method, path, fields in (
        ("POST", "", {"status": 1}),
        ("DELETE", "", None),
        ("DELETE", "/notification", {"timestamp": 1}),
        ("POST", "/share-chat", {"fileId": 1, "timestamp": 1}),
    ):
        answer = await mocked.send(None, method, f"{API1}/recording/{token}{path}", fields, status=401)
        assert answer.json()["ocs"]["meta"]["statuscode"] == 997
        assert answer.json()["ocs"]["data"] == []
    assert mocked.recorder.take() == []


@pytest.mark.parametrize("version", [1, 2])
async def test_answers_in_xml(mocked: World, version: int) -> None:
    await mocked.add_user(P1)
    token = await create_room(mocked, P1, "room1")

    async def ask(
        person: str | None, fields: dict[str, Any] | None, room: str = token
    ) -> tuple[int, str | None, str | None, str | None]:
        path = f"{API1}/recording/{room}".replace("v2.php", f"v{version}.php")
        xml = {**HEADERS, "Accept": "application/xml"}
        answer = await mocked.send(person, "POST", path, fields, status=None, headers=xml)
        assert answer.headers["Content-Type"] == "application/xml; charset=utf-8"
        root = ET.fromstring(answer.content)
        assert [root.tag, *(part.tag for part in root)] == ["ocs", "meta", "data"]
        code = root.findtext("meta/statuscode")
        return answer.status_code, root.findtext("meta/status"), code, root.findtext("data/error")

    def refused(status: int, code: int, word: str | None) -> tuple[int, str, str, str | None]:
        return (200 if version == 1 and code != 997 else status), "failure", str(code), word

    assert await ask(None, {"status": 1}) == refused(401, 997, None)
    assert await ask(P1, {"status": 1}, "nosuchroom") == refused(404, 404, None)
    assert await ask(P1, {"status": 7}) == refused(400, 400, "status")
    assert await ask(P1, {"status": 1}) == refused(400, 400, "call")
    await join_room(mocked, P1, "room1")
    await join_call(mocked, P1, "room1")
    mocked.recorder.answers = [403]
    assert await ask(P1, {"status": 1}) == refused(500, 996, None)
    assert await ask(P1, {"status": 1}) == (200, "ok", "100" if version == 1 else "200", None)
    assert await ask(P1, {"status": 1}) == refused(400, 400, "recording")
    assert await recording_status(mocked, P1, "room1") == STARTING_VIDEO


async def test_every_type_of_recording_is_stored(mocked: World) -> None:
    await mocked.add_user(P1)
    token = await create_room(mocked, P1, "room1")
    contents = {
        "a.ogg": page(VORBIS),
        "b.ogv": page(VORBIS) + page(THEORA),
        "c.webm": EBML + b"\x87\x42\x82\x84webm",
        "d.mkv": EBML + b"\x8b\x42\x82\x88matroska",
        "e.mp4": b"\0\0\0\x18ftypisom\0\0\2\0isomiso2",
        "f.tar.WEBM": EBML + b"\x87\x42\x82\x84webm",
    }
    random = "r" * 32
    headers = {
        **HEADERS,
        "Talk-Recording-Random": random,
        "Talk-Recording-Checksum": checksum(RECORDING_SECRET, random, token.encode()),
    }
    for name, content in contents.items():
        path = f"{API1}/recording/{token}/store"
        file = {"file": (name, content)}
        answer = await mocked.send(None, "POST", path, {"owner": P1}, headers=headers, files=file)
        assert answer.json()["ocs"]["data"] is None
    stored = [one["messageRichParameters"]["file"]["path"] for one in await notifications(mocked, P1)]
    assert stored == [f"/Talk/Recording/{token}/{name}" for name in reversed(contents)]
    for name, content in contents.items():
        path = f"/remote.php/dav/files/{P1}/Talk/Recording/{token}/{name}"
        assert (await mocked.send(P1, "GET", path)).content == content
