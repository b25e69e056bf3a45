"""Which signaling servers are configured, and which of them a room belongs to. Pure."""

import hashlib
from dataclasses import dataclass, field
from typing import Any

from callrec.conversation.outbound.room_requests import is_web_url, verifies_tls, web_url


@dataclass(frozen=True)
class SignalingServer:
    """One server: ``address`` as configured, which clients are given word for word."""

    address: str
    verify_tls: bool

    @property
    def url(self) -> str:
        """Its http address without slash at the end."""
        return web_url(self.address)


@dataclass(frozen=True)
class SignalingServers:
    """All servers, and the secret shared with them."""

    servers: tuple[SignalingServer, ...]
    secret: str = field(repr=False)

    def of_room(self, token: str) -> SignalingServer | None:
        """Return the one server that all of the room's clients use.

        By rendezvous hashing: nothing is stored, and another server in the list moves only its own share.
        """
        if len(self.servers) < 2:
            return next(iter(self.servers), None)
        return max(self.servers, key=lambda server: _weight(server, token))

    def named(self, url: str) -> SignalingServer | None:
        """Return the server with this http address."""
        return next((server for server in self.servers if server.url == url), None)


def _weight(server: SignalingServer, token: str) -> bytes:
    return hashlib.sha256(f"{server.url}\0{token}".encode()).digest()


def signaling_servers(value: dict[str, Any]) -> SignalingServers:
    """Read the app config value ``signaling_servers``; entries that cannot be read are left out.

    TLS is verified only where ``verify`` is given and true: left out it counts as false.
    """
    entries = value.get("servers")
    secret = value.get("secret")
    servers = (
        SignalingServer(entry["server"], verifies_tls(entry.get("verify")))
        for entry in (entries if isinstance(entries, list) else [])
        if isinstance(entry, dict) and is_web_url(entry.get("server"))
    )
    return SignalingServers(tuple(servers), secret if isinstance(secret, str) else "")
