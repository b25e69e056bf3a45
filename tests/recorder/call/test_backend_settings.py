"""How the backend's signaling settings are asked for and read."""

import dataclasses
import json
import socket
from typing import Any

import pytest

from callrec.errors import BackendAway, BackendRefused
from callrec.recorder.call.backend_settings import fetch_settings
from callrec.recorder.call.order import CaptureOrder
from callrec.wire.checksum import verify
from tests.recorder.call.test_signaling import TOKEN, order
from tests.recorder.deliver.far_server import FarServer, response

SECRET = "the-backend-secret"


@pytest.fixture
def own(far: FarServer) -> CaptureOrder:
    return dataclasses.replace(order(far.url), backend_secret=SECRET)


def settings(data: Any, status: int = 200) -> bytes:
    return response(status, json.dumps({"ocs": {"meta": {"statuscode": status}, "data": data}}).encode())


async def test_one_signed_request(far: FarServer, own: CaptureOrder) -> None:
    far.answer = lambda _: settings({"server": "https://hpb.example/"})
    result = await fetch_settings(own)
    assert (result.signaling_url, result.ice_servers) == ("https://hpb.example", [])
    (request,) = far.requests
    path = f"/ocs/v2.php/apps/spreed/api/v3/signaling/settings?token={TOKEN}"
    assert request.line == f"GET {path} HTTP/1.1"
    headers = request.headers
    assert verify(SECRET, headers["talk-recording-random"], headers["talk-recording-checksum"], b"")


async def test_stun_and_turn(far: FarServer, own: CaptureOrder) -> None:
    turn = {"urls": ["turn:t.example:3478?transport=udp"], "username": "u", "credential": "c"}
    stun = [{"urls": ["stun:s.example:443"]}, {"urls": "stun:s2.example"}]
    far.answer = lambda _: settings({"server": "https://hpb", "stunservers": stun, "turnservers": [turn]})
    servers = (await fetch_settings(own)).ice_servers
    assert [s.urls for s in servers] == [
        ["stun:s.example:443"],
        ["stun:s2.example"],
        ["turn:t.example:3478?transport=udp"],
    ]
    assert (servers[2].username, servers[2].credential) == ("u", "c")


async def test_an_address_that_does_not_parse_costs_only_itself(far: FarServer, own: CaptureOrder) -> None:
    urls = ["http://x", "stun:", "turn:t.example:3478?transport=udp", "", 7]
    far.answer = lambda _: settings({"server": "https://hpb", "turnservers": [{"urls": urls}]})
    (server,) = (await fetch_settings(own)).ice_servers
    assert server.urls == ["turn:t.example:3478?transport=udp"]


@pytest.mark.parametrize("status", [408, 429, 500, 503])
async def test_a_backend_that_is_away_is_asked_again(far: FarServer, own: CaptureOrder, status: int) -> None:
    far.answer = lambda _: settings(None, status)
    with pytest.raises(BackendAway) as caught:
        await fetch_settings(own)
    assert caught.value.status == status


async def test_a_backend_that_is_not_there_is_asked_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(BackendAway):
        await fetch_settings(order(f"http://127.0.0.1:{port}"))


@pytest.mark.parametrize("status", [400, 401, 403, 404])
async def test_a_backend_that_refuses_is_not(far: FarServer, own: CaptureOrder, status: int) -> None:
    far.answer = lambda _: settings(None, status)
    with pytest.raises(BackendRefused) as caught:
        await fetch_settings(own)
    assert caught.value.status == status


@pytest.mark.parametrize("status", [200, 302, 400, 401, 403, 404])
@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"null", b"[]", b'{"ocs":[]}', b'{"ocs":{"data":{"server":"x"}}}', b"[" * 100_000,
     b"\xff", b'{"ocs":{"meta":{"statuscode":200}}}' + b" " * (1 << 20)],
)  # fmt: skip
async def test_what_is_not_the_backends_own_word_is_no_refusal(
    far: FarServer, own: CaptureOrder, status: int, body: bytes
) -> None:
    far.answer = lambda _: response(status, body)
    with pytest.raises(BackendAway, match=f"signaling settings: HTTP {status}, no OCS envelope"):
        await fetch_settings(own)


async def test_a_backend_whose_talk_is_switched_off_has_not_lost_the_room(
    far: FarServer, own: CaptureOrder
) -> None:
    body = json.dumps({"ocs": {"meta": {"statuscode": 998}, "data": []}}).encode()
    far.answer = lambda _: response(404, body)
    with pytest.raises(BackendAway, match="HTTP 404, statuscode 998"):
        await fetch_settings(own)


@pytest.mark.parametrize(
    "data",
    [None, [], {}, {"server": ""}, {"server": 7}, {"server": "x", "stunservers": [{}]},
     {"server": "x", "turnservers": ["x"]}],
)  # fmt: skip
async def test_settings_that_cannot_be_used_are_a_refusal(
    far: FarServer, own: CaptureOrder, data: Any
) -> None:
    far.answer = lambda _: settings(data)
    with pytest.raises(BackendRefused, match="signaling settings"):
        await fetch_settings(own)
