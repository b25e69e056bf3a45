"""The recording API (docs/wire.md, Recording API)."""

import msgspec
import structlog
from starlette.requests import ClientDisconnect

from callrec.conversation import guards, stored_recordings
from callrec.conversation.ocs.described import NOTHING, keys
from callrec.conversation.ocs.envelope import Answer
from callrec.conversation.ocs.errors import OcsError, guard_refusal, refusal
from callrec.conversation.ocs.parameters import convert
from callrec.conversation.ocs.router import Access, OcsRequest, OcsRouter
from callrec.conversation.ocs.throttle import RECORDING_SECRET, ROOM_TOKEN
from callrec.conversation.outbound.recorder_welcome import NotWelcome, ask_welcome
from callrec.conversation.participants import find_room, require_moderator
from callrec.conversation.recording_side import RecordingSide
from callrec.conversation.recordings import NoSuchRoom
from callrec.conversation.routes import signed_bodies
from callrec.conversation.store_chunked import Finish
from callrec.conversation.store_upload import Upload, receive
from callrec.wire import checksum
from callrec.wire.recording import MalformedMessage, decode_report

MAX_REPORT_BYTES = 64 * 1024
MAX_LENGTH_DIGITS = 15

log = structlog.get_logger()
router: OcsRouter[RecordingSide] = OcsRouter("/apps/spreed/api/v1")

_OWNER_REFUSALS = ("owner_invalid", "owner_participant")
_FILE_REFUSALS = ("file_name", "file_extension")
_STORE_REFUSALS = (*_OWNER_REFUSALS, "file_mimetype", "file_extension", "invalid_file", "empty_file", "size")
_WELCOME_REFUSALS = (
    "CAN_NOT_CONNECT",
    "CERTIFICATE_EXPIRED",
    "IS_SIGNALING_SERVER",
    "JSON_INVALID",
    "TIME_OUT_OF_SYNC",
)


class StartParameters(msgspec.Struct):
    """``status``: 1 video, 2 audio."""

    status: int = 0


class DismissParameters(msgspec.Struct):
    """``timestamp``: Unix time in seconds at which the notification was made."""

    timestamp: int | None = None


class ShareParameters(msgspec.Struct):
    """``fileId`` names a file of the caller."""

    file_id: int | None = msgspec.field(name="fileId", default=None)


class StoreParameters(msgspec.Struct, rename="camel"):
    """A store of what was uploaded before: ``fileName``, and the name of the file of speaking times."""

    owner: str | None = None
    file_name: str | None = None
    intervals_file_name: str | None = None


class UploadParameters(msgspec.Struct, rename="camel"):
    """A recording that is to come: who gets it, and its name."""

    owner: str | None = None
    file_name: str | None = None


# Before the routes of a room: its path looks like one.
@router.route(
    "POST",
    "/recording/backend",
    access=Access.PUBLIC,
    max_body_bytes=MAX_REPORT_BYTES,
    refuses={400: ("unknown_type", "invalid_request"), 403: ("invalid_request",), 404: ("no_such_room",)},
    data=NOTHING,
    takes=signed_bodies.REPORT,
    signed=signed_bodies.OVER_REPORT,
    too_long=signed_bodies.report_too_long,
)
async def report(side: RecordingSide, ocs: OcsRequest) -> Answer:
    """Take a report of the recorder, signed over the raw body whatever its type."""
    body = await ocs.body()
    if not await _signed(side, ocs, body):
        await ocs.fail(RECORDING_SECRET)
        raise _error(403, "invalid_request", "The request could not be authenticated.")
    try:
        message = decode_report(body)
    except MalformedMessage as error:
        raise _error(400, "unknown_type", str(error)) from error
    try:
        await side.recordings.report(message)
    except NoSuchRoom as error:
        log.warning("recording_report_refused", reason=str(error))
        raise _error(404, "no_such_room", str(error)) from error
    return Answer()


@router.route(
    "POST",
    "/recording/{token:room_token}",
    guard=guards.user_moderator,
    reads=StartParameters,
    refuses={400: ("config", "status", "recording", "call"), 403: (), 500: ()},
    data=NOTHING,
    takes=signed_bodies.START,
)
async def start(side: RecordingSide, ocs: OcsRequest) -> Answer:
    """Start a recording."""
    parameters = await ocs.read(StartParameters)
    await side.recordings.start(ocs.token, ocs.caller, parameters.status)
    return Answer()


@router.route("DELETE", "/recording/{token:room_token}", data=NOTHING, refuses={403: (), 500: ()})
async def stop(side: RecordingSide, ocs: OcsRequest) -> Answer:
    """Stop the recording."""
    await side.recordings.stop(ocs.token, ocs.caller)
    return Answer()


@router.route(
    "POST",
    "/recording/{token:room_token}/store",
    access=Access.PUBLIC,
    reads=StoreParameters,
    refuses={400: _STORE_REFUSALS, 401: ("invalid_request",)},
    data=NOTHING,
    takes=signed_bodies.STORE,
    signed=signed_bodies.OVER_TOKEN,
)
async def store(side: RecordingSide, ocs: OcsRequest) -> Answer:
    """Take a finished recording, signed over the room token. The body is streamed to the disk."""
    await _by_recorder(side, ocs)
    content_type = ocs.http.headers.get("content-type", "")
    if not content_type.lower().startswith("multipart/form-data"):
        await _finish(side, ocs.token, await ocs.read(StoreParameters))
        return Answer()
    try:
        async with receive(
            ocs.http.stream(),
            content_type=content_type,
            blobs=side.blobs,
            max_bytes=side.core.config.settings.max_upload_bytes,
            expected_bytes=_length(ocs),
        ) as upload:
            if upload.name is None and upload.fields.get("fileName"):
                await _finish(side, ocs.token, convert({**upload.fields}, StoreParameters))
            else:
                await side.store.take(ocs.token, upload)
    except ClientDisconnect:
        log.info("upload_broken_off", room=ocs.token)
        raise refusal("invalid_file") from None  # nobody is there to read it
    return Answer()


@router.route(
    "POST",
    "/recording/{token:room_token}/request-upload",
    access=Access.PUBLIC,
    reads=UploadParameters,
    refuses={400: _OWNER_REFUSALS + _FILE_REFUSALS, 401: ("invalid_request",)},
    data=keys("token", "password", "fileName"),
    takes=signed_bodies.UPLOAD,
    signed=signed_bodies.OVER_TOKEN,
)
async def request_upload(side: RecordingSide, ocs: OcsRequest) -> Answer:
    """Give the recorder a link for an upload in chunks, signed over the room token."""
    await _by_recorder(side, ocs)
    wanted = await ocs.read(UploadParameters)
    offer = await side.links.offer(ocs.token, wanted.owner, wanted.file_name)
    return Answer({"token": offer.token, "password": offer.password, "fileName": offer.file_name})


@router.route(
    "GET",
    "/recording/welcome/{server:int}",
    access=Access.ADMIN,
    refuses={500: _WELCOME_REFUSALS},
    data=keys("version"),
)
async def welcome(side: RecordingSide, ocs: OcsRequest) -> Answer:
    """Ask a recording server, by its place in the configuration, whether it is well."""
    async with side.core.db.read() as session:
        servers = (await side.core.configuration.recording_servers(session)).servers
    place = int(ocs.path("server"))
    if place >= len(servers):
        raise OcsError(404, None)
    try:
        return Answer(await ask_welcome(servers[place]))
    except NotWelcome as error:
        log.warning("recorder_not_well", place=place, word=error.word, cause=str(error))
        raise refusal(error.word, 500) from error


@router.route(
    "DELETE",
    "/recording/{token:room_token}/notification",
    guard=guards.moderator,
    reads=DismissParameters,
    refuses={400: ("timestamp",), 403: ()},
    data=NOTHING,
)
async def dismiss(side: RecordingSide, ocs: OcsRequest) -> Answer:
    """Dismiss what the caller was told about stored recordings of the room."""
    parameters = await ocs.read(DismissParameters)
    async with side.core.db.write() as tx:
        moderator = await require_moderator(tx, ocs.token, ocs.caller)
        await stored_recordings.dismiss(tx, moderator, ocs.user_id, parameters.timestamp)
    return Answer()


@router.route(
    "POST",
    "/recording/{token:room_token}/share-chat",
    guard=guards.moderator,
    reads=ShareParameters,
    refuses={400: ("fileId", "file"), 403: ()},
    data=NOTHING,
)
async def share_to_chat(side: RecordingSide, ocs: OcsRequest) -> Answer:
    """Share a file of the caller with the room, once, and dismiss its notification."""
    parameters = await ocs.read(ShareParameters)
    async with side.core.db.write() as tx:
        moderator = await require_moderator(tx, ocs.token, ocs.caller)
        await stored_recordings.share_to_chat(side.core, tx, moderator, ocs.user_id, parameters.file_id)
    return Answer()


async def _by_recorder(side: RecordingSide, ocs: OcsRequest) -> None:
    """Check that the room exists and the request is signed over its token.

    Raises:
        OcsError: 404, 401, 429.
    """
    signed = await _signed(side, ocs, ocs.token.encode())
    if not signed:
        await side.core.throttle.check(ROOM_TOKEN, ocs.caller.network)
    async with side.core.db.read() as session:
        known = await find_room(session, ocs.token) is not None
    if not known:
        if not signed:
            await ocs.fail(ROOM_TOKEN)
        raise guard_refusal(404)
    if not signed:
        await ocs.fail(RECORDING_SECRET)
        raise _error(401, "invalid_request", "The request could not be authenticated.")


async def _finish(side: RecordingSide, token: str, wanted: StoreParameters) -> None:
    """End a chunked upload; a store that names no file has lost its file on the way."""
    if wanted.file_name:
        request = Finish(wanted.owner, wanted.file_name, wanted.intervals_file_name)
        await side.chunked_store.finish(token, request)
    else:
        owner = {"owner": wanted.owner} if wanted.owner else {}
        await side.store.take(token, Upload(fields=owner, problem="not_multipart"))


async def _signed(side: RecordingSide, ocs: OcsRequest, message: bytes) -> bool:
    async with side.core.db.read() as session:
        secret = (await side.core.configuration.recording_servers(session)).secret
    return checksum.verify(
        secret, ocs.header(checksum.RECORDING_RANDOM), ocs.header(checksum.RECORDING_CHECKSUM), message
    )


def _length(ocs: OcsRequest) -> int | None:
    """Return the length that the client announces; None when it does not, or a proxy lost it."""
    text = ocs.header("Content-Length") or ""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= MAX_LENGTH_DIGITS else None


def _error(status: int, code: str, text: str) -> OcsError:
    return OcsError(status, {"type": "error", "error": {"code": code, "message": text}})
