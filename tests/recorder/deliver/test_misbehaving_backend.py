"""A recorder whose backend misbehaves in each way: every film arrives in the end, or is parked with why.

One process delivers all films at once, one for each way; each room has a server of its own temper.
"""

import asyncio
import re
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio

from callrec.clock import boot_id, monotonic_ns, wall_s
from callrec.recorder.folder.manifest import ActorName, Anchor, Manifest, read_manifest, write_manifest
from callrec.recorder.folder.paths import FolderPaths
from tests.recorder.conftest import RecorderProcess
from tests.recorder.deliver.cloud import CONTENT, MIB, NAME, Cloud, ocs
from tests.recorder.deliver.far_server import FarServer, Request, response, running_far_server
from tests.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

WITHIN_S = 90.0
"""For all; a request without an answer takes 10 s of it, what else there is takes some two."""
PAGE = b"<html>Be patient</html>"


def error(status: int, word: str) -> bytes:
    """Return a refusal with an error word in its envelope."""
    return ocs({"error": word}, status)


@dataclass(frozen=True)
class Way:
    """How a server misbehaves, and what that comes to."""

    name: str
    request: str
    """The kind of request that it misbehaves to."""
    answers: Sequence[bytes]
    """In place of the right ones, until none is left."""
    links: bool = True
    parked: str | None = None
    """The error that it is parked with; None: it is delivered …"""
    by: str = "link"
    """… this way."""
    wait_s: float = 0.0
    """How long the next request of this kind must not come."""
    for_ever: bool = False
    """Its last answer is repeated."""


WAYS = [
    Way("behaves", "store", [], links=False, by="request"),
    Way("behaves_with_links", "chunk", []),
    Way("store_401", "store", [error(401, "invalid_checksum")] * 2, links=False, by="request"),
    Way("store_403", "store", [error(403, "forbidden")] * 2, links=False, by="request"),
    Way(
        "store_404_room_gone",
        "store",
        [ocs([], 404)],
        links=False,
        parked="store: HTTP 404",
        for_ever=True,
    ),
    Way("store_404_of_a_proxy", "store", [response(404, PAGE)] * 2, links=False, by="request"),
    Way("store_409", "store", [error(409, "conflict")], links=False, by="request"),
    Way("store_413", "store", [response(413, PAGE)] * 2, links=False, by="request"),
    Way("store_423", "store", [response(423, PAGE)], links=False, by="request"),
    Way("store_429", "store", [response(429, PAGE)], links=False, by="request"),
    Way(
        "store_429_retry_after",
        "store",
        [response(429, PAGE, **{"Retry-After": "1"})],
        links=False,
        by="request",
        wait_s=1.0,
    ),
    Way("store_500", "store", [error(500, "oops"), response(502, PAGE)], links=False, by="request"),
    Way("store_200_of_a_proxy", "store", [response(200, PAGE)], links=False, by="request"),
    Way("store_quota", "store", [error(400, "owner_permission")] * 2, links=False, by="request"),
    Way(
        "store_file_extension",
        "store",
        [error(400, "file_extension")],
        links=False,
        parked="store: HTTP 400 file_extension",
        for_ever=True,
    ),
    Way("request_upload_429", "request-upload", [error(429, "")]),
    Way("request_upload_507", "request-upload", [error(507, "quota")]),
    Way("folder_401", "folder", [response(401, b"")], by="request"),
    Way("folder_423", "folder", [response(423, b"")]),
    Way("chunk_404_link_expired", "chunk", [response(404, b"")]),
    Way("chunk_410_link_expired", "chunk", [response(201, b""), response(410, b"")]),
    Way("chunk_409", "chunk", [response(409, b"")]),
    Way("chunk_413", "chunk", [response(413, b"")]),
    Way("chunk_429_retry_after", "chunk", [response(429, b"", **{"Retry-After": "2"})], wait_s=2.0),
    Way("chunk_503", "chunk", [response(503, b"")]),
    Way("chunk_507_quota", "chunk", [response(507, b"")] * 2),
    Way("assemble_412", "assemble", [response(412, b"")]),
    Way("assemble_504", "assemble", [response(504, b"")]),
    Way("finish_invalid_file", "finish", [error(400, "invalid_file")]),
    Way("finish_404_room_gone", "finish", [ocs([], 404)], parked="finish: HTTP 404", for_ever=True),
    Way("reset_in_a_store", "store", [], links=False, by="request"),
    Way("reset_in_a_chunk", "chunk", []),
    Way("no_answer", "request-upload", []),
]
RESETS = {"reset_in_a_store": "/store ", "reset_in_a_chunk": "PUT "}
BY_NAME = {way.name: way for way in WAYS}


@dataclass
class Rooms:
    """One server for all rooms; a room's token is the way's number."""

    far: FarServer
    clouds: dict[str, Cloud] = field(default_factory=dict)
    asked_s: dict[tuple[str, str], list[float]] = field(default_factory=lambda: defaultdict(list))
    """When each room got each kind of request."""
    troubled: set[str] = field(default_factory=set)
    """Rooms of which a request was cut off, or never answered."""
    _left: dict[str, list[bytes]] = field(default_factory=dict)

    def open(self, token: str, way: Way) -> None:
        """Let there be a room whose server misbehaves so."""
        self._left[token] = list(way.answers)
        cloud = self.clouds[token] = Cloud(room=token)

        def misbehave(kind: str, _request: Request) -> bytes | str:
            self.asked_s[token, kind].append(asyncio.get_running_loop().time())
            if kind == "request-upload" and not way.links:
                return error(404, "no_such_route")
            if kind != way.request or not self._left[token]:
                return "no"
            left = self._left[token]
            return left[0] if way.for_ever and len(left) == 1 else left.pop(0)

        cloud.misbehave = misbehave

    def answer(self, request: Request) -> bytes | None:
        return self.clouds[token_in(request.line)].answer(request)

    def resets(self, line: str) -> bool:
        """Tell whether a request is to be cut off in its body: the first of its room."""
        token = token_in(line)
        where = RESETS.get(WAYS[number_of(token)].name)
        return where is not None and where in line and self._trouble(token)

    def hangs(self, request: Request) -> bool:
        token = token_in(request.line)
        return WAYS[number_of(token)].name == "no_answer" and self._trouble(token)

    def _trouble(self, token: str) -> bool:
        if token in self.troubled:
            return False
        self.troubled.add(token)
        return True


def token_of(number: int) -> str:
    return f"room{number:03d}"


def number_of(token: str) -> int:
    return int(token.removeprefix("room"))


def token_in(line: str) -> str:
    found = re.search(r"room\d{3}", line)
    assert found, line
    return found[0]


def write_recording(home: Path, backend: str, token: str) -> None:
    """Write the folder of a recording that was captured and composed, and is to be uploaded."""
    paths = FolderPaths(home / f"20260301T140509-{token}")
    paths.create()
    (paths.output / NAME).write_bytes(CONTENT)
    now_s = wall_s()
    manifest = Manifest(
        recording_id=paths.root.name,
        backend=backend,
        token=token,
        video=True,
        owner="mira",
        actor=ActorName("users", "mira"),
        file_name=NAME,
        anchor=Anchor(now_s - 60, monotonic_ns() - 60_000_000_000, boot_id()),
        started_ms=1000,
        acknowledged_at=now_s - 59,
        stop_ms=11_000,
        closed_at=now_s - 48,
        outcome="captured",
        cause="stopped",
        state="uploading",
        state_at=now_s - 40,
        end_reported=True,
    )
    write_manifest(paths.manifest, manifest)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rooms(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Rooms, Path]]:
    """A recorder that delivers to all rooms at once; yields them and where its recordings lie."""
    folder = tmp_path_factory.mktemp("misbehaving")
    async with running_far_server() as far:
        rooms = Rooms(far)
        far.answer, far.resets, far.hangs = rooms.answer, rooms.resets, rooms.hangs
        far.reset_after_bytes = 100_000
        recorder = RecorderProcess(folder / "recorder", far.url)
        recorder.environment = {
            "CALLREC_RECORDER__KEEP_DELIVERED_S": "3600",
            "CALLREC_RECORDER__RETRY_LONGEST_S": "4",
            "CALLREC_RECORDER__UPLOAD_CHUNK_BYTES": str(MIB),
        }
        home = recorder.data / "recordings"
        for number, way in enumerate(WAYS):
            rooms.open(token_of(number), way)
            write_recording(home, far.url, token_of(number))
        try:
            await recorder.start()
            yield rooms, home
        finally:
            recorder.close()
            print(recorder.log.read_text())


async def at_rest(home: Path, token: str) -> Manifest:
    """Wait until the room's recording is over, and return its manifest."""
    path = home / f"20260301T140509-{token}" / "manifest.json"
    await until(lambda: read_manifest(path).state in ("retained", "parked"), WITHIN_S)
    return read_manifest(path)


@pytest.mark.parametrize("name", BY_NAME)
async def test_every_film_arrives_or_is_parked(rooms: tuple[Rooms, Path], name: str) -> None:
    (server, home), way = rooms, BY_NAME[name]
    token = token_of(WAYS.index(way))
    manifest = await at_rest(home, token)
    cloud = server.clouds[token]
    film = home / manifest.recording_id / "output" / NAME
    if way.parked is not None:
        assert (manifest.state, manifest.parked_from, manifest.error) == ("parked", "uploading", way.parked)
        assert film.read_bytes() == CONTENT, "what is parked is kept"
        assert not cloud.stored and not cloud.directly
        return
    assert manifest.state == "retained"
    assert (token in server.troubled) == (name in RESETS or name == "no_answer")
    assert not film.exists()
    if way.by == "link":
        assert cloud.files == {NAME: CONTENT}
        assert cloud.stored == [{"owner": "mira", "fileName": NAME}]
        assert not cloud.directly
    else:
        assert cloud.directly == 1
        assert not cloud.stored
    if way.wait_s:
        first_s, second_s, *_ = server.asked_s[token, way.request]
        assert second_s - first_s >= way.wait_s
