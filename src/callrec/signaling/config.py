"""What the embedded signaling server is told: its secret, its backend, its limits."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class SignalingConfig:
    """Secret, backend and limits. The defaults are the standalone server's (docs/wire.md, Signaling)."""

    internal_secret: str = field(repr=False)
    """Shared with internal clients such as the recorder. Empty: internal clients are refused."""
    backend_url: str
    """Base URL of the one conversation server."""
    hello_timeout_s: float = 2.0
    """A socket that has not said hello by then is closed."""
    anonymous_timeout_s: float = 10.0
    """A guest's session that has been in no room for this long is closed."""
    resume_timeout_s: float = 30.0
    """A session without socket stays in its room, and can be resumed, for this long."""
    backend_ping_interval_s: float = 10.0
    """How often the conversation server hears which sessions are alive."""
    backend_timeout_s: float = 10.0
    """Longest wait for one answer of the conversation server."""
    sweep_interval_s: float = 0.5
    """How often the timeouts above are looked at: they end up to this much late."""
    write_timeout_s: float = 10.0
    """A client that takes no bytes for this long loses its socket."""
    close_timeout_s: float = 2.0
    """When the server stops, clients have this long to take the last message."""
    websocket_ping_interval_s: float = 54.0
    websocket_pong_timeout_s: float = 6.0
    """A connection that does not answer a WebSocket ping for this long is dead: 60 s after the last sign."""
    max_message_bytes: int = 64 << 10
    """Longest message of a client; a longer one closes its socket."""
    max_queue_messages: int = 1000
    max_queue_bytes: int = 8 << 20
    """A session for which more than this waits is dropped. (A large participant list is about 1 MiB.)"""
    messages_per_s: float = 100.0
    message_burst: int = 500
    """A socket that sends faster is read more slowly. A burst is 50 candidates to each of ten people."""

    def websocket_options(self) -> dict[str, Any]:
        """Return the arguments of ``uvicorn.Config`` that enforce message size and keepalive."""
        return {
            "ws": "websockets-sansio",
            "ws_max_size": self.max_message_bytes,
            "ws_ping_interval": self.websocket_ping_interval_s,
            "ws_ping_timeout": self.websocket_pong_timeout_s,
            "ws_per_message_deflate": False,
        }
