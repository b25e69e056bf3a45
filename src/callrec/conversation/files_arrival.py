"""Taking the body of a request into a blob, within limits."""

from collections.abc import Iterable
from dataclasses import dataclass

import structlog
from starlette.requests import ClientDisconnect, Request

from callrec.conversation.blobs.store import BlobFailed, BlobStore
from callrec.conversation.files_refused import Refused

log = structlog.get_logger()


@dataclass(frozen=True)
class Arrived:
    """A durable blob that no row speaks of yet."""

    blob_id: str
    size_bytes: int
    sha256: str
    head: bytes


async def take_body(
    blobs: BlobStore, request: Request, max_bytes: int, *, sha256: str | None = None
) -> Arrived:
    """Stream the body of *request* into a blob; *sha256* is what its hash must be, where that is known.

    Raises:
        Refused: 413 longer than *max_bytes*, 400 broken off, another hash, or only a part (Content-Range),
            507 the place for blobs refuses.
    """
    announced = request.headers.get("content-length", "")
    expected = int(announced) if announced.isascii() and announced.isdigit() else None
    if expected is not None and expected > max_bytes:
        raise Refused(413, "the file is too large")
    if "content-range" in request.headers:  # RFC 9110, section 14.5
        raise Refused(400, "parts of files are not taken")
    try:
        async with blobs.receive(expected_bytes=expected) as incoming:
            async for data in request.stream():
                if incoming.size_bytes + len(data) > max_bytes:
                    raise Refused(413, "the file is too large")
                await incoming.write(data)
            blob_id = await incoming.finish()
            arrived = Arrived(blob_id, incoming.size_bytes, incoming.sha256, incoming.head)
    except ClientDisconnect as error:  # nobody is there to read the answer
        raise Refused(400, "the upload was broken off") from error
    except BlobFailed as error:
        log.error("upload_not_kept", error=str(error))
        raise Refused(507, "the file cannot be stored") from error
    await require_hash(blobs, arrived, sha256)
    return arrived


async def require_hash(blobs: BlobStore, arrived: Arrived, sha256: str | None) -> None:
    """Delete what has *arrived* if its hash is not *sha256*; None: that is not known.

    Raises:
        Refused: 400 it is another one: something was damaged on the way.
    """
    if sha256 is not None and arrived.sha256 != sha256:
        log.warning("upload_damaged", size_bytes=arrived.size_bytes)
        await discard(blobs, [arrived.blob_id])
        raise Refused(400, "what has arrived does not have the hash that OC-Checksum tells: send it again")


async def discard(blobs: BlobStore, blob_ids: Iterable[str]) -> None:
    """Delete blobs that no row speaks of any more; what cannot be deleted is left to the sweep."""
    for blob_id in blob_ids:
        try:
            await blobs.delete(blob_id)
        except BlobFailed as error:
            log.warning("blob_not_deleted", blob=blob_id, error=str(error))
