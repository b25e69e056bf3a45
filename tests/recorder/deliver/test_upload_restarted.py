"""Uploads in chunks that go on in another process, and those that cannot."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from callrec import clock
from callrec.recorder.deliver.backend import BackendClient
from callrec.recorder.deliver.begun import UploadNote
from callrec.recorder.deliver.errand import Errand
from callrec.recorder.deliver.upload import LINK_LIVES_S, Film, Uploader
from callrec.settings import BackendSettings
from tests.recorder.deliver.cloud import CONTENT, MIB, NAME, WHOLE, Cloud
from tests.recorder.deliver.far_server import FarServer, Request, response
from tests.waiting import PATIENCE_S


@pytest.fixture
async def uploader(far: FarServer) -> AsyncIterator[Uploader]:
    async def at_once(_seconds: float) -> None:
        pass

    client = BackendClient(BackendSettings(url=far.url, secret=SecretStr("secret")), MIB)
    yield Uploader(client, at_once)
    await client.close()


@pytest.fixture
def film(tmp_path: Path) -> Film:
    path = tmp_path / "film.webm"
    path.write_bytes(CONTENT)
    return Film("20260301", "k3x9p2aa", "mira", path, NAME)


@pytest.fixture
def note(tmp_path: Path) -> UploadNote:
    return UploadNote(tmp_path / "upload.json")


async def killed_at(part: str, far: FarServer, uploader: Uploader, film: Film, note: UploadNote) -> None:
    """Upload until a request of which the line holds *part*, which is never answered."""
    met = far.hang_at(part)
    uploading = asyncio.create_task(uploader.upload(film, Errand(note)))
    await asyncio.wait_for(met.wait(), PATIENCE_S)
    uploading.cancel()
    await asyncio.wait([uploading])
    far.hangs = lambda _request: False
    far.requests.clear()


def sent(far: FarServer) -> list[str]:
    return [request.line.split()[1].rpartition("/")[2] for request in far.requests if "PUT" in request.line]


async def test_it_goes_on_behind_the_last_acknowledged_chunk(
    far: FarServer, cloud: Cloud, uploader: Uploader, film: Film, note: UploadNote
) -> None:
    await killed_at("/3 HTTP", far, uploader, film, note)
    errand = Errand(note)
    assert errand.sent_bytes == 2 * MIB
    assert await uploader.upload(film, errand) == "link"
    assert sent(far) == ["3"] and cloud.links == 1
    assert cloud.files == {NAME: CONTENT} and cloud.checksums == [WHOLE]


async def test_a_chunk_is_noted_before_the_next_one_leaves(
    cloud: Cloud, uploader: Uploader, film: Film, note: UploadNote
) -> None:
    noted: list[int] = []

    def look(kind: str, _request: Request) -> str:
        if kind in ("chunk", "assemble"):
            begun = note.read()
            noted.append(0 if begun is None else begun.chunks)
        return "no"

    cloud.misbehave = look
    await uploader.upload(film, Errand(note))
    assert noted == [0, 1, 2, 3]


async def test_put_together_only_the_word_is_asked_for(
    far: FarServer, cloud: Cloud, uploader: Uploader, film: Film, note: UploadNote
) -> None:
    await killed_at("/store", far, uploader, film, note)
    assert await uploader.upload(film, Errand(note)) == "link"
    assert [request.line.split()[0] for request in far.requests] == ["POST"]
    assert len(cloud.stored) == cloud.links == 1


@pytest.mark.parametrize("kind, status", [("chunk", 404), ("chunk", 409), ("chunk", 401), ("assemble", 400)])
async def test_a_backend_that_has_forgotten_gets_all_of_it(
    far: FarServer, cloud: Cloud, uploader: Uploader, film: Film, note: UploadNote, kind: str, status: int
) -> None:
    await killed_at("/3 HTTP", far, uploader, film, note)
    cloud.misbehave = lambda k, _: response(status, b"") if k == kind and cloud.links == 1 else "no"
    assert await uploader.upload(film, Errand(note)) == "link"
    assert sent(far) == ["3", "1", "2", "3"] and cloud.links == 2
    assert cloud.files == {NAME: CONTENT}


@pytest.mark.parametrize("what", ["the film", "its stamp", "the day", "the clock", "the address", "the note"])
async def test_what_is_not_the_same_any_more_begins_anew(
    far: FarServer,
    cloud: Cloud,
    uploader: Uploader,
    film: Film,
    note: UploadNote,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    what: str,
) -> None:
    await killed_at("/3 HTTP", far, uploader, film, note)
    file = tmp_path / "upload.json"
    stat, now_s = film.path.stat(), clock.wall_s()
    match what:
        case "the film":  # of the same size and time, as one that a disk has damaged
            film.path.write_bytes(b"?" + CONTENT[1:])
            os.utime(film.path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        case "its stamp":
            os.utime(film.path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
        case "the day":
            monkeypatch.setattr(clock, "wall_s", lambda: now_s + LINK_LIVES_S)
        case "the clock":
            monkeypatch.setattr(clock, "wall_s", lambda: now_s - 3600)
        case "the address":
            said = msgspec.json.decode(file.read_bytes())
            file.write_bytes(msgspec.json.encode(said | {"folder": "http://127.0.0.1:9/uploads/x/y"}))
        case "the note":
            file.write_bytes(file.read_bytes()[:-9])
    assert await uploader.upload(film, Errand(note)) == "link"
    assert sent(far) == ["1", "2", "3"] and cloud.links == 2
    assert cloud.files == {NAME: film.path.read_bytes()}


async def test_a_full_disk_holds_up_nothing(
    cloud: Cloud, uploader: Uploader, film: Film, note: UploadNote, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("callrec.recorder.deliver.begun.replace_file", full)
    with capture_logs() as logs:
        assert await uploader.upload(film, Errand(note)) == "link"
    assert cloud.files == {NAME: CONTENT}
    assert {line["event"] for line in logs if line["log_level"] == "warning"} == {"upload_not_noted"}
