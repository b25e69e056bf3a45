"""Who speaks when in a film, for whoever may have the film (docs/wire.md, Speakers)."""

import asyncio

import msgspec
import structlog

from callrec.conversation import files, shares, speaking_times
from callrec.conversation.db.tables_recordings import Node
from callrec.conversation.files_beside import times_of
from callrec.conversation.ocs.described import keys
from callrec.conversation.ocs.envelope import Answer
from callrec.conversation.ocs.errors import OcsError
from callrec.conversation.ocs.router import Access, OcsRequest, OcsRouter
from callrec.conversation.recording_side import RecordingSide
from callrec.conversation.speakers import Speakers, speakers_of

log = structlog.get_logger()

router: OcsRouter[RecordingSide] = OcsRouter("/apps/callrec/api/v1")
DATA = keys("speakers", "chapters")
HEADERS = {"Cache-Control": "private, no-cache"}


class ById(msgspec.Struct, rename="camel"):
    """The file."""

    file_id: int


@router.route("GET", "/files/{fileId:int}/speakers", reads=ById, data=DATA, refuses={404: ()})
async def of_file(side: RecordingSide, ocs: OcsRequest) -> Answer:
    """Tell who speaks when in a film that the caller may read."""
    file_id = (await ocs.read(ById)).file_id
    async with side.core.db.read() as session:
        entry = await files.find_by_id(session, ocs.user_id, file_id)
        if entry is None or entry.is_folder:
            raise OcsError(404)
        times = await times_of(session, entry.node)
    return Answer(await _read(side, times), headers=HEADERS)


@router.route("GET", "/shares/{shareToken}/speakers", access=Access.PUBLIC, data=DATA, refuses={404: ()})
async def of_share(side: RecordingSide, ocs: OcsRequest) -> Answer:
    """Tell who speaks when in a film to whoever holds its link."""
    async with side.core.db.read() as session:
        film = await shares.file_of_link(session, ocs.path("shareToken"))
        if film is None:
            raise OcsError(404)
        times = await times_of(session, film)
    return Answer(await _read(side, times), headers=HEADERS)


async def _read(side: RecordingSide, times: Node | None) -> Speakers:
    """Return what *times* say; nothing where they are of no use."""
    if times is None:
        return Speakers()
    try:
        if times.size_bytes > speaking_times.MAX_BYTES:
            raise speaking_times.Unusable("it is too large")
        assert times.blob_id is not None
        async with side.blobs.read(times.blob_id) as pieces:
            content = b"".join([piece async for piece in pieces])
        # Megabytes take a while: not on the loop that everybody waits for.
        return await asyncio.to_thread(lambda: speakers_of(speaking_times.read(content)))
    except speaking_times.Unusable as error:
        log.info("speaking_times_ignored", file=times.id, reason=str(error))
        return Speakers()
