"""Requests to a conversation server: what each answer means, over a real socket."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from multipart import MultipartParser, parse_options_header
from pydantic import SecretStr

from callrec.errors import BackendAway, BackendError, BackendRefused
from callrec.recorder.deliver import backend as backend_module
from callrec.recorder.deliver.backend import BackendClient
from callrec.recorder.deliver.errand import Errand
from callrec.settings import BackendSettings
from callrec.wire.checksum import RECORDING_CHECKSUM, RECORDING_RANDOM, verify
from callrec.wire.recording import Actor, Started, Stopped, encode_report
from tests.recorder.deliver.far_server import FarServer, Request, response
from tests.waiting import PATIENCE_S

SECRET = "the-recording-secret"
STARTED = Started("k3x9p2aa", 1, Actor("users", "mira"))


@pytest.fixture
async def client(far: FarServer) -> AsyncIterator[BackendClient]:
    client = BackendClient(
        BackendSettings(url="https://talk.example", connect_url=far.url, secret=SecretStr(SECRET))
    )
    yield client
    await client.close()


def signed(request: Request, message: bytes) -> bool:
    headers = request.headers
    return verify(
        SECRET, headers.get(RECORDING_RANDOM.lower()), headers.get(RECORDING_CHECKSUM.lower()), message
    )


async def test_a_report_is_one_signed_post(far: FarServer, client: BackendClient) -> None:
    await client.report(STARTED)
    (request,) = far.requests
    assert request.line == "POST /ocs/v2.php/apps/spreed/api/v1/recording/backend HTTP/1.1"
    assert request.body == encode_report(STARTED)
    assert signed(request, request.body)
    expected = {"content-type": "application/json", "accept": "application/json", "ocs-apirequest": "true"}
    assert request.headers.items() >= expected.items()


async def test_without_connect_url_the_url_is_used(far: FarServer) -> None:
    client = BackendClient(BackendSettings(url=far.url + "/cloud/", secret=SecretStr(SECRET)))
    await client.report(STARTED)
    await client.close()
    assert far.requests[0].line.startswith("POST /cloud/ocs/v2.php/")


def ocs(data: Any, status: int) -> bytes:
    return json.dumps({"ocs": {"meta": {"statuscode": status}, "data": data}}).encode()


AWAY = [
    *((status, ocs(None, status)) for status in (408, 429, 500, 502, 503, 504, 507, 599)),
    (200, b"<html>a friendly page</html>"),
    (200, b""),
    (200, b"null"),
    (200, b"[]"),
    (200, b'{"ocs":{}}'),
    (200, b'{"ocs":{"meta":{"statuscode":"200"}}}'),
    (200, b"[" * 100_000),
    (200, b"\xff\xfe"),
    (200, ocs(None, 997)),
    (204, b""),
    (301, b""),  # a proxy between maintenance and https is no refusal: that would delete media
    (302, ocs(None, 200)),
    (307, b""),
]


@pytest.mark.parametrize("status, body", AWAY)
async def test_what_is_no_clear_answer_is_tried_again(
    far: FarServer, client: BackendClient, status: int, body: bytes
) -> None:
    far.answer = lambda _: response(status, body, Location="/elsewhere")
    with pytest.raises(BackendAway, match=f"report: HTTP {status}") as caught:
        await client.report(STARTED)
    assert caught.value.status == status
    assert len(far.requests) == 1  # redirects are not followed


@pytest.mark.parametrize(
    "status, body, word",
    [
        (400, ocs({"error": "unknown_type"}, 400), " unknown_type"),
        (
            400,
            ocs({"type": "error", "error": {"code": "unknown_type", "message": "…"}}, 400),
            " unknown_type",
        ),
        (403, ocs({"type": "error", "error": {"code": "invalid_request"}}, 403), " invalid_request"),
        (404, ocs({"error": {"code": "no_such_room"}}, 404), " no_such_room"),
        (409, ocs([], 409), ""),
        (413, ocs({"error": "x" * 10_000}, 413), " " + "x" * 80),
        (418, ocs({"error": {"message": "no code"}}, 418), ""),
    ],
)
async def test_another_4xx_is_a_refusal_with_its_word(
    far: FarServer, client: BackendClient, status: int, body: bytes, word: str
) -> None:
    far.answer = lambda _: response(status, body)
    with pytest.raises(BackendRefused) as caught:
        await client.report(STARTED)
    assert str(caught.value) == f"report: HTTP {status}{word}"
    assert caught.value.status == status


@pytest.mark.parametrize(
    "status, body, said",
    [
        (401, b"", "no OCS envelope"),
        (403, b"<html>", "no OCS envelope"),
        (404, b"<html>", "no OCS envelope"),
        (404, b"[" * 100_000, "no OCS envelope"),
        (404, ocs([], 998), "statuscode 998"),
    ],
)
async def test_what_is_not_the_backends_own_word_is_away(
    far: FarServer, client: BackendClient, status: int, body: bytes, said: str
) -> None:
    """A proxy says it, or a server whose Talk is switched off for an update."""
    far.answer = lambda _: response(status, body)
    with pytest.raises(BackendAway, match=f"^report: HTTP {status}, {said}$") as caught:
        await client.report(STARTED)
    assert caught.value.status == status


async def test_no_connection_is_away() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    client = BackendClient(BackendSettings(url=f"http://127.0.0.1:{port}", secret=SecretStr(SECRET)))
    with pytest.raises(BackendAway, match="ConnectError"):
        await client.report(STARTED)
    await client.close()


async def test_hanging_up_before_the_answer_is_away(far: FarServer, client: BackendClient) -> None:
    far.answer = lambda _: None
    with pytest.raises(BackendAway):
        await client.report(STARTED)


async def test_half_an_answer_is_away(far: FarServer, client: BackendClient) -> None:
    far.answer = lambda _: b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"

    far.hangs_up = True
    with pytest.raises(BackendAway, match="RemoteProtocolError"):
        await client.report(STARTED)


async def test_no_http_is_away(far: FarServer, client: BackendClient) -> None:
    far.answer = lambda _: b"220 mail.example ESMTP\r\n\r\n"
    with pytest.raises(BackendAway):
        await client.report(STARTED)


async def test_a_backend_that_never_answers_is_away(far: FarServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend_module, "REPORT_TIMEOUT_S", 0.05)
    silent = BackendClient(BackendSettings(url=far.url, secret=SecretStr(SECRET)))
    forever = asyncio.Event()
    far.before_answer = lambda: _wait(forever)
    with pytest.raises(BackendAway, match=r"ReadTimeout|no whole answer"):
        await silent.report(Stopped("k3x9p2aa"))
    forever.set()
    await silent.close()


async def _wait(event: asyncio.Event) -> None:
    await event.wait()


@dataclass
class Arrived:
    """One multipart body, taken apart."""

    owner: str
    file_name: str
    content: bytes


def arrived(request: Request) -> Arrived:
    _, options = parse_options_header(request.headers["content-type"])
    parts = {p.name: p for p in MultipartParser(BytesIO(request.body), options["boundary"])}
    result = Arrived(parts["owner"].value, parts["file"].filename, parts["file"].raw)
    for part in parts.values():
        part.close()
    return result


@pytest.mark.parametrize(
    "file_name",
    ["Recording 2026-09-22 12-00-00.mp4", 'a "quoted" name.mp4', "Aufnahme – 你好 ü.mp4", "a\\b;c=d.mp4"],
)
async def test_a_film_arrives_byte_by_byte_with_owner_and_name(
    far: FarServer, client: BackendClient, tmp_path: Path, file_name: str
) -> None:
    content = bytes(range(256)) * 3000 + b"\r\n--\r\n"
    film = tmp_path / "film"
    film.write_bytes(content)
    await client.store("k3x9p2aa", "mira & ö", film, file_name, Errand())
    (request,) = far.requests
    assert request.line == "POST /ocs/v2.php/apps/spreed/api/v1/recording/k3x9p2aa/store HTTP/1.1"
    assert signed(request, b"k3x9p2aa")
    assert request.headers["ocs-apirequest"] == "true"
    film_there = arrived(request)
    assert film_there.owner == "mira & ö"
    assert film_there.content == content
    assert film_there.file_name.replace("%22", '"') in (file_name, file_name.replace("\\", "\\\\"))


async def test_a_film_is_streamed(far: FarServer, client: BackendClient, tmp_path: Path) -> None:
    film = tmp_path / "film"
    with film.open("wb") as file:
        file.truncate(8 << 20)
    largest = 0

    class Watched:
        def __init__(self, real: Any) -> None:
            self._real = real

        def __getattr__(self, name: str) -> Any:
            return getattr(self._real, name)

        def read(self, size: int = -1) -> Any:
            nonlocal largest
            piece = self._real.read(size)
            largest = max(largest, len(piece))
            return piece

    real_stream = client._client.stream

    def stream(method: str, url: str, **request: Any) -> Any:
        name, file, kind = request["files"]["file"]
        return real_stream(method, url, **request | {"files": {"file": (name, Watched(file), kind)}})

    client._client.stream = stream  # type: ignore[method-assign,assignment]
    await client.store("k3x9p2aa", "mira", film, "film.mp4", Errand())
    assert 0 < largest <= 1 << 20
    assert len(far.requests[0].body) > 8 << 20


async def test_a_reset_in_the_middle_of_an_upload_is_away_and_the_next_try_works(
    far: FarServer, client: BackendClient, tmp_path: Path
) -> None:
    film = tmp_path / "film"
    film.write_bytes(bytes(4 << 20))
    far.reset_after_bytes = 1 << 20
    with pytest.raises(BackendAway, match="store"):
        await client.store("k3x9p2aa", "mira", film, "film.mp4", Errand())
    assert far.requests == []
    far.reset_after_bytes = None
    await client.store("k3x9p2aa", "mira", film, "film.mp4", Errand())
    assert len(arrived(far.requests[0]).content) == 4 << 20


async def test_a_refused_film_says_why(far: FarServer, client: BackendClient, tmp_path: Path) -> None:
    film = tmp_path / "film"
    film.write_bytes(b"x")
    far.answer = lambda _: response(400, ocs({"error": "owner_participant"}, 400))
    with pytest.raises(BackendRefused, match="store: HTTP 400 owner_participant"):
        await client.store("k3x9p2aa", "mira", film, "film.mp4", Errand())


async def test_a_missing_film_is_an_error_of_ours(client: BackendClient, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await client.store("k3x9p2aa", "mira", tmp_path / "none", "film.mp4", Errand())


def test_the_secret_is_in_no_repr() -> None:
    settings = BackendSettings(
        url="https://talk.example", secret=SecretStr(SECRET), signaling_secret=SecretStr("another-secret")
    )
    assert SECRET not in repr(settings) + str(settings) + settings.model_dump_json()
    assert "another-secret" not in repr(settings) + str(settings)


def test_errors_tell_whether_to_try_again() -> None:
    assert issubclass(BackendAway, BackendError) and not issubclass(BackendAway, BackendRefused)


@pytest.mark.parametrize("request_name", ["report", "request_upload", "at_link", "store"])
async def test_an_answer_that_trickles_has_an_end(
    far: FarServer,
    client: BackendClient,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request_name: str,
) -> None:
    monkeypatch.setattr(backend_module, "REPORT_TIMEOUT_S", 0.5)
    monkeypatch.setattr(backend_module, "UPLOAD_ANSWER_TIMEOUT_S", 0.5)
    far.trickles = True
    film = tmp_path / "film"
    film.write_bytes(b"film")
    errand = Errand()
    errand.total_bytes = 4
    async with asyncio.timeout(PATIENCE_S):
        with pytest.raises(BackendAway, match="no whole answer"):
            match request_name:
                case "report":
                    await client.report(STARTED)
                case "request_upload":
                    await client.request_upload("k3x9p2aa", "mira", "film.webm")
                case "at_link":
                    await client.at_link("folder", "MKCOL", f"{far.url}/x")
                case "store":
                    await client.store("k3x9p2aa", "mira", film, "film.webm", errand)
    assert errand.is_doubtful == (request_name == "store")
