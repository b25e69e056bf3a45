"""How the conversation server and the embedded signaling server call each other, in process.

The two Protocols carry the same objects as the HTTP requests between Talk and the standalone signaling
server (docs/wire.md, Signaling), so either side can be replaced by the real one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol


class SignalingRefusal(Exception):
    """The conversation server refuses a session; ``code`` is an error word of the signaling protocol."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True)
class SignalingUser:
    """Who said hello with a ticket or token: ``user_id`` is empty for a guest."""

    user_id: str
    display_name: str = ""
    guest: str | None = field(default="", repr=False)
    """Tells guests apart. Only the conversation server knows what it means; nobody else is shown it. None:
    the signaling server, a standalone one, does not tell, and is trusted with the session ids."""


@dataclass(frozen=True)
class RoomAdmission:
    """The answer to a room join: room properties as sent to clients, and the session's permissions."""

    properties: Mapping[str, Any]
    permissions: Sequence[str] = field(default_factory=tuple)


class SignalingBackend(Protocol):
    """What the signaling server asks of the conversation server."""

    async def authenticate(self, params: Mapping[str, Any]) -> SignalingUser:
        """Check the ``auth.params`` of a client hello 1.0 (``userid``, ``ticket``).

        Raises:
            SignalingRefusal: ``invalid_ticket`` or ``no_such_user``.
        """
        ...

    async def authenticate_token(self, token: str) -> SignalingUser:
        """Check the ``auth.params.token`` of a client hello 2.0.

        Raises:
            SignalingRefusal: ``invalid_token``, ``token_not_valid_yet``, ``token_expired``,
                ``no_such_user``.
        """
        ...

    async def join_room(self, token: str, user: SignalingUser, session_id: str) -> RoomAdmission:
        """Admit the conversation session *session_id* of *user* to the room.

        The conversation server pushes ``incall`` again when that session is already in the call.

        Raises:
            SignalingRefusal: ``no_such_room``, also for a session that is not in the room or not of *user*.
        """
        ...

    async def leave_room(self, token: str, user: SignalingUser, session_id: str) -> None:
        """The conversation session has left the room, or its socket is gone for good."""
        ...

    async def ping(self, token: str, session_ids: Sequence[str]) -> None:
        """These conversation sessions are alive (called about every 10 s and room)."""
        ...


class SignalingPush(Protocol):
    """What the conversation server tells the signaling server about a room."""

    async def push(self, token: str, request: Mapping[str, Any]) -> None:
        """Deliver one room request.

        *request* is the JSON object of ``POST /api/v1/room/{token}``: ``{"type": T, T: {…}}`` with T one of
        invite, disinvite, update, delete, participants, incall, message.
        """
        ...
