"""What clients send: parsing and checking, without any state (docs/wire.md, Signaling messages)."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

T = TypeVar("T")

MAX_IN_CALL = 15
"""All the in-call flags together."""


class ProtocolError(Exception):
    """A client's message is refused; ``code`` is an error word of the protocol."""

    def __init__(self, code: str, message: str, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details


Feature = Annotated[str, Meta(max_length=64)]
"""A word of what a client can. Shown to everybody in its room, so it is bounded."""


class Envelope(Struct, frozen=True):
    """One message before its content is looked at: ``{"type": T, T: {…}, "id"?}``."""

    type: str
    id: str | None = None
    hello: Raw | UnsetType = UNSET
    room: Raw | UnsetType = UNSET
    message: Raw | UnsetType = UNSET
    control: Raw | UnsetType = UNSET
    internal: Raw | UnsetType = UNSET
    bye: Raw | UnsetType = UNSET


class Auth(Struct, frozen=True):
    """Who it is: ``params`` are for the conversation server, or :class:`InternalParams`."""

    params: dict[str, Any]
    type: Literal["client", "internal"] = "client"
    url: str = ""


class Hello(Struct, frozen=True):
    """Open a session with ``auth``, or resume one with ``resumeid``."""

    version: str = ""
    resumeid: str = ""
    features: Annotated[tuple[Feature, ...], Meta(max_length=64)] = ()
    auth: Auth | None = None


class InternalParams(Struct, frozen=True):
    """``auth.params`` of an internal client: ``token`` = hex HMAC-SHA256 of the characters of ``random``."""

    random: str
    token: str
    backend: str


class JoinRoom(Struct, frozen=True):
    """Join the room ``roomid`` with a session of the conversation server; an empty ``roomid`` leaves."""

    roomid: str
    sessionid: str = ""


class Recipient(Struct, frozen=True):
    """Whom a relayed message is for."""

    type: Literal["session", "user", "room", "call"]
    sessionid: str = ""
    userid: str = ""


class Relay(Struct, frozen=True):
    """Content of ``message`` and ``control``. ``data`` is JSON that is not looked into."""

    recipient: Recipient
    data: Raw


class InternalInCall(Struct, frozen=True):
    """The in-call flags of an internal client."""

    incall: int


class Internal(Struct, frozen=True):
    """Content of ``internal``: only the type ``incall`` is served."""

    type: str
    incall: InternalInCall | None = None


_envelope = msgspec.json.Decoder(Envelope)


def parse_envelope(text: str) -> Envelope:
    """Parse one text frame.

    Raises:
        ProtocolError: ``invalid_format``; the text names the field.
    """
    try:
        return _envelope.decode(text)
    except msgspec.ValidationError as error:
        raise ProtocolError("invalid_format", f"message: {error}") from error
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise ProtocolError("invalid_format", "message: not valid JSON") from error


def parse_content(content: Raw | UnsetType, struct: type[T], name: str) -> T:
    """Parse the content of a message of the type *name*.

    Raises:
        ProtocolError: ``invalid_format``; the text names the field.
    """
    if content is UNSET:
        raise ProtocolError("invalid_format", f"{name}: missing")
    try:
        return msgspec.json.decode(content, type=struct)
    except msgspec.ValidationError as error:
        raise ProtocolError("invalid_format", f"{name}: {error}") from error
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise ProtocolError("invalid_format", f"{name}: not valid JSON") from error


def parse_internal_params(params: Mapping[str, Any]) -> InternalParams:
    """Parse ``auth.params`` of an internal client.

    Raises:
        ProtocolError: ``invalid_format``; the text names the field.
    """
    try:
        return msgspec.convert(params, InternalParams)
    except msgspec.ValidationError as error:
        raise ProtocolError("invalid_format", f"hello.auth.params: {error}") from error


def parse_relay(content: Raw | UnsetType, name: str) -> Relay:
    """Parse the content of ``message`` or ``control``.

    Raises:
        ProtocolError: ``invalid_format``, also for data that a strict reader could not decode.
    """
    relay = parse_content(content, Relay, name)
    if relay.recipient.type == "session" and not relay.recipient.sessionid:
        raise ProtocolError("invalid_format", f"{name}.recipient.sessionid: missing")
    if relay.recipient.type == "user" and not relay.recipient.userid:
        raise ProtocolError("invalid_format", f"{name}.recipient.userid: missing")
    # Raw is checked for syntax only: a lone surrogate or 1e999 would make a receiver lose the whole message.
    parse_content(relay.data, object, f"{name}.data")
    return relay


def parse_in_call(content: Raw | UnsetType) -> int:
    """Return the flags of an ``internal`` message.

    Raises:
        ProtocolError: ``invalid_format``, or for virtual sessions and phones, which are not served,
            the error word of that request.
    """
    internal = parse_content(content, Internal, "internal")
    if internal.type != "incall":
        code = {"addsession": "add_failed", "removesession": "remove_failed"}.get(
            internal.type, "invalid_request"
        )
        raise ProtocolError(code, f"internal.type: {internal.type!r} is not supported")
    if internal.incall is None:
        raise ProtocolError("invalid_format", "internal.incall: missing")
    if not 0 <= internal.incall.incall <= MAX_IN_CALL:
        raise ProtocolError("invalid_format", f"internal.incall.incall: must be 0 to {MAX_IN_CALL}")
    return internal.incall.incall
