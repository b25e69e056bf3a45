"""Uploads: whatever way the bytes come, the file is whole or nothing is left."""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from callrec.conversation import store_upload
from callrec.conversation.blobs.local import LocalBlobs
from callrec.conversation.store_upload import Upload, receive

from .multipart_bytes import BOUNDARY, CONTENT_TYPE, END, field, file

PLENTY_BYTES = 1 << 40


async def pieces(body: bytes, size: int) -> AsyncIterator[bytes]:
    for at in range(0, len(body), size):
        yield body[at : at + size]


async def upload(directory: Path, body: bytes, *, size: int = 65536, max_bytes: int = PLENTY_BYTES) -> Upload:
    """Receive *body*, check that the blob is what is told, and that nothing else is left."""
    blobs = await local_blobs(directory)
    async with receive(
        pieces(body, size), content_type=CONTENT_TYPE, blobs=blobs, max_bytes=max_bytes
    ) as arrived:
        pass
    if arrived.blob_id:
        async with blobs.read(arrived.blob_id) as found:
            data = b"".join([piece async for piece in found])
        assert arrived.size_bytes == len(data)
        assert arrived.sha256 == hashlib.sha256(data).hexdigest()
        assert data.startswith(arrived.head)
        await blobs.delete(arrived.blob_id)
    assert nothing_in(directory)
    return arrived


async def local_blobs(directory: Path) -> LocalBlobs:
    blobs = LocalBlobs(directory)
    await blobs.claim("this database")
    return blobs


def nothing_in(directory: Path) -> bool:
    return not [path for path in directory.rglob("*") if path.is_file() and path.name != "owner"]


@pytest.mark.parametrize("size", [1, 7, 64, 65536])
@pytest.mark.parametrize("order", [0, 1])
async def test_fields_before_and_after_the_file_in_any_chunking(
    tmp_path: Path, size: int, order: int
) -> None:
    data = b"\r\n--b0undar\r\n--\r\r\n" * 40
    parts = [field("owner", "müra"), file(data, "Größe 1.ogg")]
    arrived = await upload(tmp_path, b"".join(parts[:: 1 - 2 * order]) + END, size=size)
    assert arrived.problem is None
    assert arrived.fields == {"owner": "müra"}
    assert (arrived.name, arrived.size_bytes) == ("Größe 1.ogg", len(data))


async def test_php_size_limit_counts_only_before_the_file(tmp_path: Path) -> None:
    limit, sound, owner = field("MAX_FILE_SIZE", "1"), file(b"twelve bytes"), field("owner", "mira")
    before = await upload(tmp_path, limit + sound + owner + END)
    assert (before.problem, before.blob_id, before.fields["owner"]) == ("too_large", None, "mira")
    after = await upload(tmp_path, sound + limit + owner + END)
    assert (after.problem, after.size_bytes) == (None, 12)


@pytest.mark.parametrize("limit", ["12", "0", "-1", "many", "", "99999999999999999999999"])
async def test_a_size_limit_that_does_not_bind(tmp_path: Path, limit: str) -> None:
    arrived = await upload(tmp_path, field("MAX_FILE_SIZE", limit) + file(b"twelve bytes") + END)
    assert arrived.problem is None


async def test_our_own_limit(tmp_path: Path) -> None:
    body = file(b"x" * 11) + field("owner", "mira") + END
    assert (await upload(tmp_path, body, max_bytes=11)).problem is None
    arrived = await upload(tmp_path, body, max_bytes=10)
    assert (arrived.problem, arrived.fields) == ("too_large", {"owner": "mira"})


async def test_a_file_far_too_large_is_not_read_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_upload, "MAX_DRAIN_BYTES", 1000)
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        yield field("owner", "mira") + file(b"x")[:-2]
        while True:
            read += 100
            yield b"x" * 100

    blobs = await local_blobs(tmp_path)
    async with receive(endless(), content_type=CONTENT_TYPE, blobs=blobs, max_bytes=10) as arrived:
        assert (arrived.problem, arrived.fields) == ("too_large", {"owner": "mira"})
    assert read <= 1200
    assert nothing_in(tmp_path)


async def test_only_the_first_file_is_taken(tmp_path: Path) -> None:
    body = file(b"other", "b.json", "intervals") + file(b"one") + file(b"two", "c.ogg") + END
    arrived = await upload(tmp_path, body)
    assert (arrived.name, arrived.size_bytes, arrived.fields) == ("a.ogg", 3, {})


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (field("owner", "mira") + END, "no_file"),
        (field("file", "just text") + END, "no_file"),
        (field("owner", "mira") + file(b"cut off"), "malformed"),
        (field("owner", "mira") + file(b"cut off")[:-4], "malformed"),
        (b"", "malformed"),
        (b"no multipart at all", "malformed"),
        (field("owner", "x" * 70_000) + END, "malformed"),
        (b"".join(field(f"f{n}", "") for n in range(40)) + END, "malformed"),
        (f"--{BOUNDARY}\r\nX: ".encode() + b"y" * 9000, "malformed"),
    ],
)
async def test_what_cannot_be_taken(tmp_path: Path, body: bytes, problem: str) -> None:
    arrived = await upload(tmp_path, body)
    assert arrived.problem == problem
    assert arrived.blob_id is None


async def test_names_that_are_no_utf_8_are_read_with_replacements(tmp_path: Path) -> None:
    body = file(b"sound", "Gr??e.ogg").replace(b"??", b"\xf6\xdf", 1)
    arrived = await upload(tmp_path, field("müller", "ü") + body + END)
    assert (arrived.problem, arrived.name) == (None, "Gr\ufffd\ufffde.ogg")
    assert arrived.fields == {"müller": "ü"}


async def test_an_empty_file_is_a_file(tmp_path: Path) -> None:
    arrived = await upload(tmp_path, file(b"") + END)
    assert (arrived.problem, arrived.size_bytes, arrived.name) == (None, 0, "a.ogg")


@pytest.mark.parametrize("content_type", ["application/json", "multipart/form-data", "", "multipart/mixed"])
async def test_other_bodies(tmp_path: Path, content_type: str) -> None:
    blobs = await local_blobs(tmp_path)
    async with receive(pieces(b"{}", 1), content_type=content_type, blobs=blobs, max_bytes=10) as arrived:
        assert arrived.problem == "not_multipart"


async def test_a_disk_that_refuses_does_not_hide_the_fields_behind(tmp_path: Path) -> None:
    body = file(b"x" * (3 << 20)) + field("owner", "mira") + END
    gone = LocalBlobs(tmp_path / "gone")
    async with receive(
        pieces(body, 65536), content_type=CONTENT_TYPE, blobs=gone, max_bytes=PLENTY_BYTES
    ) as arrived:
        assert (arrived.problem, arrived.blob_id, arrived.fields) == ("not_written", None, {"owner": "mira"})


async def test_a_client_that_goes_leaves_nothing(tmp_path: Path) -> None:
    class Gone(Exception):
        pass

    async def half() -> AsyncIterator[bytes]:
        yield file(b"x" * (2 << 20))[:-2]
        assert not nothing_in(tmp_path)
        raise Gone

    blobs = await local_blobs(tmp_path)
    with pytest.raises(Gone):
        async with receive(half(), content_type=CONTENT_TYPE, blobs=blobs, max_bytes=PLENTY_BYTES):
            pass
    assert nothing_in(tmp_path)
