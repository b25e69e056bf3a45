"""What was damaged on the way is noticed, and sent again."""

from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr

from callrec.errors import BackendAway
from callrec.recorder.deliver.backend import BackendClient
from callrec.recorder.deliver.upload import Film, Uploader
from callrec.settings import BackendSettings
from callrec.wire.file_hash import arrived_sha256
from tests.recorder.deliver.cloud import CONTENT, MIB, NAME, WHOLE, Cloud
from tests.recorder.deliver.far_server import FarServer, Request, response


@pytest.fixture(params=[MIB, 1 << 40], ids=["chunks", "one chunk"])
async def uploader(request: pytest.FixtureRequest, far: FarServer, cloud: Cloud) -> AsyncIterator[Uploader]:
    async def at_once(_seconds: float) -> None:
        pass

    client = BackendClient(BackendSettings(url=far.url, secret=SecretStr("secret")), request.param)
    yield Uploader(client, at_once)
    await client.close()


@pytest.mark.parametrize("hashes", [True, False], ids=["tells hashes", "does not"])
async def test_the_backend_is_told_the_hash_of_the_whole(
    cloud: Cloud, uploader: Uploader, film: Film, hashes: bool
) -> None:
    cloud.hashes = hashes
    assert await uploader.upload(film) == "link"
    assert cloud.files[NAME] == CONTENT
    assert cloud.checksums == [WHOLE]


async def test_a_chunk_that_arrives_damaged_is_sent_again(
    cloud: Cloud, uploader: Uploader, film: Film
) -> None:
    damaged: list[Request] = []

    def damage(kind: str, request: Request) -> str:
        if kind == "chunk" and not damaged:
            damaged.append(request)
            request.body = b"?" + request.body[1:]
        return "no"

    cloud.hashes, cloud.misbehave = True, damage
    assert await uploader.upload(film) == "link"
    assert damaged and cloud.files[NAME] == CONTENT
    assert cloud.checksums == [WHOLE]
    assert cloud.links == 1


async def test_chunks_that_always_arrive_damaged_are_not_delivered(
    cloud: Cloud, uploader: Uploader, film: Film
) -> None:
    wrong = response(201, b"", **{"X-Hash-SHA256": "0" * 64})
    cloud.misbehave = lambda kind, _: wrong if kind == "chunk" else "no"
    with pytest.raises(BackendAway, match="damaged"):
        await uploader.upload(film)
    assert not cloud.stored


@pytest.mark.parametrize(
    "header, sha256",
    [("", None), ("none", None), ("g" * 64, None), ("0" * 63, None), (" " + "AB" * 32, "ab" * 32)],
)
def test_what_is_no_hash_says_nothing(header: str, sha256: str | None) -> None:
    assert arrived_sha256({"X-Hash-SHA256": header}) == sha256
