"""A signaling session: one client as the others see it. Pure."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from callrec.signaling.outbox import Outbox
from callrec.wire.signaling import SignalingUser

if TYPE_CHECKING:
    from callrec.signaling.room import Room

CONTROL = "control"
"""The permission to send ``control`` messages."""

ID_BYTES = 32
NOBODY = SignalingUser("")


def _new_id() -> str:
    return secrets.token_urlsafe(ID_BYTES)


@dataclass(eq=False)
class Session:
    """It outlives its socket for a while, so that it can be resumed.

    *Conversation session* is the conversation server's id of it while it is in a room; internal clients
    have none. Instants are seconds of the monotonic clock.
    """

    outbox: Outbox
    user: SignalingUser = NOBODY
    """Nobody for internal clients."""
    internal: bool = False
    features: tuple[str, ...] = ()
    internal_in_call: int = 0
    """In-call flags of an internal client; those of others come from the conversation server."""
    roomless_since_s: float = 0
    """Meaningful while it is in no room."""
    id: str = field(default_factory=_new_id)
    """Public: other clients address it by this."""
    resume_id: str = field(default_factory=_new_id)
    """Secret: whoever knows it takes the session over."""
    room: Room | None = None
    conversation_session: str = ""
    permissions: frozenset[str] = frozenset()
    detached_since_s: float | None = None
    """None while it has a socket."""
    closed: bool = False

    @property
    def user_id(self) -> str:
        """Empty for guests and internal clients."""
        return self.user.user_id

    @property
    def short_id(self) -> str:
        """Return what logs show of the id."""
        return self.id[:8]

    def may_control(self) -> bool:
        """Whether it may send ``control`` messages."""
        return self.internal or CONTROL in self.permissions

    def out_of_room(self) -> None:
        """Forget the room, and what was true in it."""
        self.room = None
        self.conversation_session = ""
        self.permissions = frozenset()

    def join_entry(self) -> dict[str, Any]:
        """Return its entry in join events."""
        entry: dict[str, Any] = {"sessionid": self.id, "userid": self.user_id}
        if self.user.display_name:
            entry["user"] = {"displayname": self.user.display_name}
        if self.conversation_session:
            entry["roomsessionid"] = self.conversation_session
        if self.features:
            entry["features"] = self.features
        return entry
