"""What the parts of the conversation server share."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncSession

from callrec.conversation.app_config import Configuration
from callrec.conversation.chat import Chat
from callrec.conversation.config import ConversationConfig
from callrec.conversation.db.address import database_url
from callrec.conversation.db.engine import Database, WriteSession
from callrec.conversation.db.notices import CHAT
from callrec.conversation.db.tables_chat import ChatMessage
from callrec.conversation.db.tables_rooms import Room
from callrec.conversation.hello_tokens import HelloTokens
from callrec.conversation.ocs.authentication import Authenticator, Caller
from callrec.conversation.ocs.router import Gate
from callrec.conversation.ocs.throttle import Throttle
from callrec.conversation.outbound.embedded_pushes import EmbeddedPushes
from callrec.conversation.outbound.outbox import Outbox
from callrec.conversation.outbound.signaling_server import SignalingCourier
from callrec.conversation.passwords import Passwords
from callrec.conversation.signaling_outbox import SignalingOutbox
from callrec.conversation.signaling_push import RoomSignals
from callrec.wire.signaling import SignalingPush


class FileParameters(Protocol):
    """Renders shared files in chat messages."""

    async def __call__(
        self, session: AsyncSession, messages: Sequence[ChatMessage], viewer: Caller, /
    ) -> Mapping[int, Mapping[str, str]]:
        """Return message id → the ``file`` parameter for *viewer*; a file that is gone is left out."""
        ...


class StopRecording(Protocol):
    """Stops a room's recording because its call ended."""

    async def __call__(self, tx: WriteSession, room: Room, /) -> None:
        """Queue a stop without actor in *tx* if the room is recorded; send it after the commit."""
        ...


async def _no_files(
    _session: AsyncSession, _messages: Sequence[ChatMessage], _viewer: Caller
) -> Mapping[int, Mapping[str, str]]:
    return {}


async def _no_recording(_tx: WriteSession, _room: Room) -> None:
    pass


@dataclass
class Hooks:
    """Where the recording's side is called. Set once when the server is composed; until then nothing."""

    file_parameters: FileParameters = _no_files
    stop_recording: StopRecording = _no_recording


@dataclass(frozen=True)
class Core:
    """The shared parts: database, configuration, chat, signaling, authentication."""

    config: ConversationConfig
    db: Database
    configuration: Configuration
    passwords: Passwords
    throttle: Throttle
    authenticator: Authenticator
    outbox: Outbox
    pushes: SignalingOutbox
    signals: RoomSignals
    hello_tokens: HelloTokens
    chat: Chat
    hooks: Hooks = field(repr=False)

    @asynccontextmanager
    async def delivering(self) -> AsyncIterator[None]:
        """Deliver to the far sides, what an earlier process has left as well, while the context is open."""
        async with self.db.listening(), self.pushes, self.outbox:
            yield

    @property
    def gate(self) -> Gate:
        """What every OCS request passes."""
        return Gate(self.authenticator, self.throttle, self.db)


def build(config: ConversationConfig, push: SignalingPush, hooks: Hooks) -> Core:
    """Put the shared parts together; nothing is opened yet."""
    db = Database(database_url(config.data, config.settings))
    passwords = Passwords()
    configuration = Configuration(config, db.notices)
    throttle = Throttle(db, configuration)
    secure = config.public_url.startswith("https:")
    outbox = Outbox(db)
    courier = SignalingCourier(db, configuration, config.public_url)
    outbox.use(courier)
    pushes = SignalingOutbox(EmbeddedPushes(push), config.signaling_url, outbox, configuration, courier)
    signals = RoomSignals(pushes)
    chat = Chat(signals)
    db.notices.subscribe(CHAT, chat.new_messages.hear)
    return Core(
        config=config,
        db=db,
        configuration=configuration,
        passwords=passwords,
        throttle=throttle,
        authenticator=Authenticator(db, passwords, throttle, secure=secure),
        outbox=outbox,
        pushes=pushes,
        signals=signals,
        hello_tokens=HelloTokens(config.public_url),
        chat=chat,
        hooks=hooks,
    )
