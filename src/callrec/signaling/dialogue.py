"""What each message of one client does. Knows no socket: answers go to the client's outbox."""

from typing import Literal

import structlog
from msgspec import Raw, UnsetType

from callrec.signaling import frames
from callrec.signaling.config import SignalingConfig
from callrec.signaling.features import FEATURES, VERSION
from callrec.signaling.hello import (
    WITH_TOKEN,
    check_client,
    check_internal,
    check_version,
    internal_in_call,
    token_of,
)
from callrec.signaling.membership import Membership, now_s
from callrec.signaling.messages import (
    Envelope,
    Hello,
    JoinRoom,
    ProtocolError,
    parse_content,
    parse_envelope,
    parse_in_call,
    parse_relay,
)
from callrec.signaling.outbox import Outbox
from callrec.signaling.session import Session
from callrec.wire.constants import ROOM_TOKEN

log = structlog.get_logger()

MAX_CONVERSATION_SESSION_CHARS = 512


class Dialogue:
    """One socket's side of the protocol, from hello to bye."""

    def __init__(self, config: SignalingConfig, membership: Membership, outbox: Outbox) -> None:
        self._config = config
        self._membership = membership
        self._hub = membership.hub
        self._calls = membership.calls
        self._outbox = outbox
        self._session: Session | None = None

    @property
    def said_hello(self) -> bool:
        """Whether a session has been opened or resumed on this socket."""
        return self._session is not None

    async def handle(self, text: str) -> None:
        """Do what one message asks for; a refusal is answered."""
        message_id = None
        try:
            message = parse_envelope(text)
            message_id = message.id
            if self._session is not None:
                if self._is_ours(self._session):
                    await self._dispatch(self._session, message)
            elif message.type == "hello":
                await self._hello(message)
            else:
                raise ProtocolError("hello_expected", "the first message must be hello")
        except ProtocolError as error:
            self._outbox.put(frames.error(message_id, error.code, error.message, error.details))

    def disconnected(self) -> None:
        """Take note that the socket is gone: the session waits to be resumed, unless it was dropped."""
        session = self._session
        if session is None or not self._is_ours(session):
            return
        if self._outbox.broken:
            log.warning("signaling_session_dropped", session=session.short_id)
            self._membership.end(session)
        else:
            session.detached_since_s = now_s()

    def _is_ours(self, session: Session) -> bool:
        """Whether the session is alive and has not been resumed on another socket."""
        return not session.closed and session.outbox is self._outbox

    async def _dispatch(self, session: Session, message: Envelope) -> None:
        match message.type:
            case "room":
                await self._room(session, message)
            case "message":
                self._relay(session, "message", message.message)
            case "control":
                if not session.may_control():
                    raise ProtocolError("not_allowed", "control: needs the permission control")
                self._relay(session, "control", message.control)
            case "internal":
                self._internal(session, message)
            case "bye":
                self._membership.end(session, frames.bye("", message.id))
            case "hello":
                pass  # the standalone server does not answer a second one either
            case _:
                raise ProtocolError("invalid_format", f"type: {message.type[:32]!r} is not supported")

    async def _hello(self, message: Envelope) -> None:
        hello = parse_content(message.hello, Hello, "hello")
        check_version(hello)
        if hello.resumeid:
            self._resume(hello, message.id)
            return
        auth = hello.auth
        if auth is None:
            raise ProtocolError("invalid_format", "hello.auth: missing")
        if auth.type == "internal":
            check_internal(auth, self._config)
            session = Session(
                self._outbox,
                internal=True,
                features=hello.features,
                internal_in_call=internal_in_call(hello.features),
                roomless_since_s=now_s(),
            )
        else:
            check_client(auth, self._config)
            if hello.version == WITH_TOKEN:
                user = await self._calls.authenticate_token(token_of(auth))
            else:
                user = await self._calls.authenticate(auth.params)
            session = Session(
                self._outbox,
                user=user,
                features=hello.features,
                roomless_since_s=now_s(),
            )
        self._hub.open(session)
        self._welcome(session, hello, message.id)
        log.debug("signaling_session_opened", session=session.short_id, internal=session.internal)

    def _resume(self, hello: Hello, message_id: str | None) -> None:
        session = self._hub.resumable(hello.resumeid)
        if session is None:
            raise ProtocolError("no_such_session", "hello.resumeid: no such session")
        old = session.outbox
        session.outbox = self._outbox
        session.detached_since_s = None
        self._welcome(session, hello, message_id)
        had_participants = old.move_to(self._outbox)
        old.finish(frames.bye("session_resumed"))
        if session.room is not None and not had_participants:
            self._outbox.put(session.room.participants_frame())
        log.debug("signaling_session_resumed", session=session.short_id)

    def _welcome(self, session: Session, hello: Hello, message_id: str | None) -> None:
        self._session = session
        self._outbox.put(
            frames.hello(
                message_id,
                hello_version=hello.version,
                session_id=session.id,
                resume_id=session.resume_id,
                user_id=session.user_id,
                version=VERSION,
                features=FEATURES,
            )
        )

    async def _room(self, session: Session, message: Envelope) -> None:
        wanted = parse_content(message.room, JoinRoom, "room")
        if not wanted.roomid:
            await self._membership.leave(session)
            self._outbox.put(frames.room("", None, message.id))
            return
        if not ROOM_TOKEN.fullmatch(wanted.roomid):
            raise ProtocolError("no_such_room", "room.roomid: is not a room token")
        if len(wanted.sessionid) > MAX_CONVERSATION_SESSION_CHARS:
            raise ProtocolError("invalid_format", "room.sessionid: too long")
        if session.room is not None and session.room.token == wanted.roomid:
            await self._join_again(session, wanted)
        elif not session.internal and not wanted.sessionid:
            raise ProtocolError("invalid_format", "room.sessionid: missing")
        else:
            await self._join(session, wanted, message.id)

    async def _join(self, session: Session, wanted: JoinRoom, message_id: str | None) -> None:
        room = self._hub.expect(wanted.roomid)
        try:
            if session.internal:
                conversation_session, permissions = "", frozenset[str]()
                properties = room.properties
            else:
                conversation_session = wanted.sessionid
                admission = await self._calls.join_room(room.token, session.user, conversation_session)
                permissions = frozenset(admission.permissions)
                properties = dict(admission.properties)
            if session.room is not None:
                await self._membership.leave(session)
            if not self._is_ours(session):
                return
            self._end_holder(room.by_conversation_session.get(conversation_session))
            self._outbox.put(frames.room(room.token, properties, message_id))
            room.properties = properties
            session.permissions = permissions
            room.enter(session, conversation_session)
        finally:
            self._hub.arrived(room)

    async def _join_again(self, session: Session, wanted: JoinRoom) -> None:
        room = session.room
        assert room is not None
        if not session.internal and wanted.sessionid not in ("", session.conversation_session):
            admission = await self._calls.join_room(room.token, session.user, wanted.sessionid)
            if session.room is not room or not self._is_ours(session):
                return
            self._end_holder(room.by_conversation_session.get(wanted.sessionid))
            room.renew(session, wanted.sessionid)
            session.permissions = frozenset(admission.permissions)
        details = {"room": frames.room_content(room.token, room.properties)}
        raise ProtocolError("already_joined", "room.roomid: already in this room", details)

    def _end_holder(self, holder: Session | None) -> None:
        """End the session that another socket takes over with the same conversation session."""
        if holder is not None:
            self._membership.end(holder, frames.bye("room_session_reconnected"), replaced=True)

    def _relay(self, session: Session, kind: Literal["message", "control"], content: Raw | UnsetType) -> None:
        relay = parse_relay(content, kind)
        if session.room is None:
            return
        to = relay.recipient
        frame = frames.relayed(kind, to.type, session.id, session.user_id, relay.data)
        for recipient in session.room.recipients(session, to.type, to.sessionid, to.userid):
            recipient.outbox.put(frame)

    def _internal(self, session: Session, message: Envelope) -> None:
        if not session.internal:
            return
        in_call = parse_in_call(message.internal)
        if in_call != session.internal_in_call:
            session.internal_in_call = in_call
            if session.room is not None:
                session.room.send(session.room.participants_frame())
