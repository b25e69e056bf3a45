"""What the parts of the conversation server share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncSession

from callrec.conversation.app_config import Configuration
from callrec.conversation.chat import Chat
from callrec.conversation.config import ConversationConfig
from callrec.conversation.db.engine import Database, WriteSession
from callrec.conversation.db.tables_chat import ChatMessage
from callrec.conversation.db.tables_rooms import Room
from callrec.conversation.ocs.authentication import Authenticator, Caller
from callrec.conversation.ocs.router import Gate
from callrec.conversation.ocs.throttle import Throttle
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
    outbox: SignalingOutbox
    signals: RoomSignals
    chat: Chat
    hooks: Hooks = field(repr=False)

    @property
    def gate(self) -> Gate:
        """What every OCS request passes."""
        return Gate(self.authenticator, self.throttle)


def build(config: ConversationConfig, push: SignalingPush, hooks: Hooks) -> Core:
    """Put the shared parts together; nothing is opened yet."""
    db = Database(config.data / "conversation.db")
    passwords = Passwords()
    throttle = Throttle(db)
    secure = config.public_url.startswith("https:")
    outbox = SignalingOutbox(push)
    signals = RoomSignals(outbox)
    return Core(
        config=config,
        db=db,
        configuration=Configuration(config),
        passwords=passwords,
        throttle=throttle,
        authenticator=Authenticator(db, passwords, throttle, secure=secure),
        outbox=outbox,
        signals=signals,
        chat=Chat(signals),
        hooks=hooks,
    )
