"""Films brought by a link or in one request, to a far side that misbehaves in every way."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from callrec.errors import BackendAway, BackendRefused, NeverTaken
from callrec.recorder.deliver.backend import BackendClient
from callrec.recorder.deliver.errand import Errand
from callrec.recorder.deliver.upload import MAX_LINKS, WAITS_S, Film, Uploader
from callrec.settings import BackendSettings
from tests.recorder.deliver.cloud import CONTENT, MIB, NAME, Cloud, ocs
from tests.recorder.deliver.far_server import FarServer, Request, response


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
async def uploader(far: FarServer, waits: list[float]) -> AsyncIterator[Uploader]:
    client = BackendClient(BackendSettings(url=far.url, secret=SecretStr("secret")), MIB)

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    yield Uploader(client, sleep)
    await client.close()


def times_of(film: Film) -> Film:
    path = film.path.with_name(f".{NAME.removesuffix('.webm')} speaking times.json")
    path.write_text('{"intervals":[]}')
    return Film(film.recording_id, film.token, film.owner, film.path, film.file_name, path)


async def test_a_film_comes_in_chunks_with_its_speaking_times(
    cloud: Cloud, uploader: Uploader, film: Film
) -> None:
    film = times_of(film)
    assert film.times is not None
    assert await uploader.upload(film) == "link"
    assert cloud.files == {NAME: CONTENT, film.times.name: b'{"intervals":[]}'}
    assert cloud.stored == [{"owner": "mira", "fileName": NAME, "intervalsFileName": film.times.name}]
    assert cloud.directly == 0


async def test_many_chunks_are_put_together_in_their_order(
    far: FarServer, cloud: Cloud, tmp_path: Path
) -> None:
    client = BackendClient(BackendSettings(url=far.url, secret=SecretStr("secret")), MIB)
    content = b"".join(bytes([n]) * MIB for n in range(12))
    path = tmp_path / "film.webm"
    path.write_bytes(content)
    cloud._chunk = lambda request: _keep(cloud, request)  # type: ignore[method-assign]
    await Uploader(client).upload(Film("20260301", "k3x9p2aa", "mira", path, NAME))
    await client.close()
    assert cloud.files[NAME] == content


def _keep(cloud: Cloud, request: Request) -> bytes:
    folder, _, number = request.line.split(" ")[1].rpartition("/")
    cloud.folders[folder][int(number)] = request.body
    return response(201, b"")


@pytest.mark.parametrize("status", [404, 405, 400, 501])
async def test_without_links_it_is_one_request(
    cloud: Cloud, uploader: Uploader, film: Film, status: int
) -> None:
    cloud.misbehave = lambda kind, _: response(status, b"") if kind == "request-upload" else "no"
    assert await uploader.upload(film) == "request"
    assert cloud.directly == 1 and not cloud.stored


@pytest.mark.parametrize("status", [401, 403, 405])
async def test_a_link_that_takes_no_chunks_is_passed_over(
    cloud: Cloud, uploader: Uploader, film: Film, status: int
) -> None:
    cloud.misbehave = lambda kind, _: response(status, b"") if kind == "folder" else "no"
    assert await uploader.upload(film) == "request"
    assert cloud.directly == 1


@pytest.mark.parametrize("kind", ["folder", "chunk", "assemble", "finish"])
@pytest.mark.parametrize("trouble", [None, response(503, b""), response(423, b""), response(429, b"")])
async def test_a_short_trouble_costs_only_the_request(
    cloud: Cloud, uploader: Uploader, film: Film, waits: list[float], kind: str, trouble: bytes | None
) -> None:
    left = [trouble, trouble]
    cloud.misbehave = lambda k, _: left.pop() if k == kind and left else "no"
    assert await uploader.upload(film) == "link"
    assert cloud.links == 1 and cloud.files[NAME] == CONTENT
    assert waits == list(WAITS_S[:2])


@pytest.mark.parametrize("kind", ["folder", "chunk", "assemble"])
async def test_a_lost_answer_is_no_harm(cloud: Cloud, uploader: Uploader, film: Film, kind: str) -> None:
    left = [True]
    cloud.lose_answer = lambda k: k == kind and bool(left) and left.pop()
    if kind == "assemble":  # done already: the folder is gone, the link is not
        cloud.misbehave = lambda k, _: (
            response(404, b"") if k == "assemble" and NAME in cloud.files and cloud.links == 1 else "no"
        )
    assert await uploader.upload(film) == "link"
    assert cloud.files[NAME] == CONTENT and len(cloud.stored) == 1


@pytest.mark.parametrize("kind", ["chunk", "assemble"])
@pytest.mark.parametrize("status", [400, 401, 403, 404, 409])
async def test_a_link_that_ended_is_replaced(
    cloud: Cloud, uploader: Uploader, film: Film, kind: str, status: int
) -> None:
    cloud.misbehave = lambda k, _: response(status, b"") if k == kind and cloud.links == 1 else "no"
    assert await uploader.upload(film) == "link"
    assert cloud.links == 2 and cloud.files[NAME] == CONTENT


async def test_a_store_that_finds_nothing_begins_again(cloud: Cloud, uploader: Uploader, film: Film) -> None:
    cloud.misbehave = lambda kind, _: (
        ocs({"error": "invalid_file"}, 400) if kind == "finish" and cloud.links == 1 else "no"
    )
    assert await uploader.upload(film) == "link"
    assert cloud.links == 2


async def test_links_that_end_each_in_another_way_are_given_up_for_now(
    cloud: Cloud, uploader: Uploader, film: Film
) -> None:
    statuses = iter([404, 409, 410, 412])
    cloud.misbehave = lambda kind, _: response(next(statuses), b"") if kind == "chunk" else "no"
    with pytest.raises(BackendAway, match="chunk: HTTP 410"):
        await uploader.upload(film)
    assert cloud.links == MAX_LINKS


@pytest.mark.parametrize(
    "kind, answer, error",
    [
        ("assemble", response(403, b""), "assemble: HTTP 403"),
        ("finish", ocs({"error": "invalid_file"}, 400), "finish: HTTP 400 invalid_file"),
    ],
)
async def test_what_always_ends_a_link_does_not_cost_many_films(
    cloud: Cloud, uploader: Uploader, film: Film, kind: str, answer: bytes, error: str
) -> None:
    films = 0

    def misbehave(of: str, _: Request) -> bytes | str:
        nonlocal films
        films += of == "assemble"
        return answer if of == kind else "no"

    cloud.misbehave = misbehave
    errand = Errand()
    for sent in (2, 3, 4):  # twice at first, to see that it is no chance; then once an attempt
        with pytest.raises(BackendAway, match=f"^{error}$"):
            await uploader.upload(film, errand)
        assert films == sent


async def test_a_film_too_large_for_its_link_is_not_sent_in_other_chunks(
    cloud: Cloud, uploader: Uploader, film: Film
) -> None:
    cloud.misbehave = lambda kind, _: response(413, b"") if kind == "assemble" else "no"
    with pytest.raises(BackendRefused, match="assemble: HTTP 413"):
        await uploader.upload(film)
    assert cloud.links == 1


async def test_chunks_that_are_too_large_become_smaller(far: FarServer, cloud: Cloud, film: Film) -> None:
    client = BackendClient(BackendSettings(url=far.url, secret=SecretStr("secret")), 8 * MIB)
    cloud.misbehave = lambda kind, request: (
        response(413, b"") if kind == "chunk" and len(request.body) > 2 * MIB else "no"
    )
    assert await Uploader(client).upload(film) == "link"
    await client.close()
    assert cloud.files[NAME] == CONTENT


async def test_a_film_in_one_chunk(far: FarServer, cloud: Cloud, film: Film) -> None:
    client = BackendClient(BackendSettings(url=far.url, secret=SecretStr("secret")), 1 << 40)
    sent: list[int] = []

    def once_resent(kind: str, request: Request) -> bytes | str:
        if kind == "chunk":
            sent.append(len(request.body))
        return response(503, b"") if kind == "chunk" and len(sent) == 1 else "no"

    async def at_once(_seconds: float) -> None:
        pass

    cloud.misbehave = once_resent
    assert await Uploader(client, at_once).upload(film) == "link"
    await client.close()
    assert cloud.files[NAME] == CONTENT
    assert sent == [len(CONTENT)] * 2


async def test_even_the_smallest_chunk_may_be_too_large(cloud: Cloud, uploader: Uploader, film: Film) -> None:
    cloud.misbehave = lambda kind, _: response(413, b"") if kind == "chunk" else "no"
    with pytest.raises(BackendAway, match="413"):
        await uploader.upload(film)


async def test_speaking_times_never_fail_the_film(cloud: Cloud, uploader: Uploader, film: Film) -> None:
    cloud.misbehave = lambda kind, _: response(403, b"") if kind == "times" else "no"
    assert await uploader.upload(times_of(film)) == "link"
    assert cloud.stored == [{"owner": "mira", "fileName": NAME}]


async def test_a_server_that_asks_for_a_wait_gets_it(cloud: Cloud, uploader: Uploader, film: Film) -> None:
    busy = response(429, b"", **{"Retry-After": "900"})
    cloud.misbehave = lambda kind, _: busy if kind == "chunk" else "no"
    with pytest.raises(BackendAway) as caught:
        await uploader.upload(film)
    assert caught.value.retry_after_s == 900


@pytest.mark.parametrize(
    "kind, answer, error",
    [
        ("finish", ocs([], 404), NeverTaken),
        ("finish", ocs({"error": "file_mimetype"}, 400), NeverTaken),
        ("finish", ocs({"error": "owner_participant"}, 400), BackendRefused),
        ("finish", ocs({"error": "owner_permission"}, 400), BackendRefused),
        ("request-upload", ocs({"error": {"code": "invalid_request"}}, 401), BackendRefused),
        ("request-upload", ocs({"token": "../x", "password": "p", "fileName": "n"}), BackendAway),
        ("request-upload", ocs({"token": 5}), BackendAway),
        ("request-upload", ocs(None), BackendAway),
    ],
)
async def test_refusals_have_their_name(
    cloud: Cloud, uploader: Uploader, film: Film, kind: str, answer: bytes, error: type[Exception]
) -> None:
    cloud.misbehave = lambda k, _: answer if k == kind else "no"
    with pytest.raises(error) as caught:
        await uploader.upload(film)
    assert type(caught.value) is error


async def test_a_film_that_shrinks_is_not_delivered(cloud: Cloud, uploader: Uploader, film: Film) -> None:
    def shrink(kind: str, _request: Request) -> str:
        if kind == "folder":
            film.path.write_bytes(CONTENT[:100])
        return "no"

    cloud.misbehave = shrink
    cloud._chunk = lambda request: _keep(cloud, request)  # type: ignore[method-assign]
    with pytest.raises(BackendAway, match="changed"):
        await uploader.upload(film)
    assert not cloud.files and not cloud.stored
