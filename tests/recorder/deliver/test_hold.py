"""Nothing is sent any more when another recorder may have the recording."""

from collections.abc import AsyncIterator, Callable

import pytest
from pydantic import SecretStr

from callrec.errors import HoldLost
from callrec.recorder.deliver.backend import BackendClient
from callrec.recorder.deliver.errand import Errand
from callrec.recorder.deliver.upload import Film, Uploader
from callrec.settings import BackendSettings
from tests.recorder.deliver.cloud import CONTENT, MIB, NAME, Cloud, ocs
from tests.recorder.deliver.far_server import FarServer


@pytest.fixture
async def client(far: FarServer) -> AsyncIterator[BackendClient]:
    client = BackendClient(BackendSettings(url=far.url, secret=SecretStr("secret")), MIB)
    yield client
    await client.close()


def kinds(far: FarServer, cloud: Cloud) -> list[str]:
    return [cloud._kind(request) for request in far.requests]


def lost_after(looks: int) -> Callable[[], bool]:
    """Return a hold that is lost after so many looks at it."""
    left = iter(range(looks))
    return lambda: next(left, None) is not None


async def test_whenever_it_is_lost_no_file_is_made_afterwards(
    far: FarServer, cloud: Cloud, client: BackendClient, film: Film
) -> None:
    """A chunked upload: whatever was sent before, nothing goes out after that look."""
    lost = 0
    for looks in range(1000):
        far.requests.clear()
        errand = Errand()
        errand.hold = lost_after(looks)
        before = len(cloud.stored)
        try:
            await Uploader(client).upload(film, errand)
        except HoldLost:
            lost += 1
            assert len(cloud.stored) == before
        else:
            break
    # Each request is looked at when its head goes and when its body does, and each piece of a film.
    assert kinds(far, cloud) == [
        "request-upload",
        "folder",
        "chunk",
        "chunk",
        "chunk",
        "assemble",
        "finish",
    ]
    assert lost >= 2 * 7 + 3 and len(cloud.stored) == 1


async def test_between_a_chunk_and_the_request_that_makes_the_file(
    far: FarServer, cloud: Cloud, client: BackendClient, film: Film
) -> None:
    errand = Errand()
    errand.hold = lambda: len(far.requests) < 5  # all chunks are there
    with pytest.raises(HoldLost):
        await Uploader(client).upload(film, errand)
    assert kinds(far, cloud)[-1] == "chunk" and cloud.files == {}
    errand.hold = lambda: len(far.requests) < 6  # it was ours, and stays so a little longer
    with pytest.raises(HoldLost):
        await Uploader(client).upload(film, errand)
    assert kinds(far, cloud)[-1] == "assemble" and cloud.stored == []
    errand.hold = lambda: True
    assert await Uploader(client).upload(film, errand) == "link"  # it goes on where it was
    assert cloud.files == {NAME: CONTENT} and len(cloud.stored) == 1


async def test_in_one_request_its_end_is_held_back_too(
    far: FarServer, cloud: Cloud, client: BackendClient, film: Film
) -> None:
    cloud.misbehave = lambda kind, _: ocs(None, 404) if kind == "request-upload" else "no"
    for looks in range(1000):
        errand = Errand()
        errand.hold = lost_after(looks)
        try:
            await Uploader(client).upload(film, errand)
        except HoldLost:
            assert cloud.directly == 0 and not errand.is_doubtful
        else:
            break
    assert cloud.directly == 1
    pieces = -(-len(CONTENT) // (64 << 10))
    assert looks >= pieces + 1  # … and its end
