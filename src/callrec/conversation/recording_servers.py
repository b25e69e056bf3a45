"""Which recording servers are configured, and which of them is asked. Pure."""

from dataclasses import dataclass, field
from typing import Any

from callrec.conversation.outbound.room_requests import is_web_url, verifies_tls, web_url


@dataclass(frozen=True)
class RecordingServer:
    """Where recordings are ordered: ``url`` without trailing slash, http or https."""

    url: str
    secret: str = field(repr=False)
    verify_tls: bool = False


@dataclass(frozen=True)
class RecordingServers:
    """The servers by their place in the configuration, and the secret shared with them."""

    servers: tuple[RecordingServer | None, ...]
    """None: the entry of this place names no address."""
    secret: str = field(repr=False)

    @property
    def used(self) -> RecordingServer | None:
        """The first server, which takes all recordings; None without its address or a secret."""
        return self.servers[0] if self.servers and self.secret else None


def recording_servers(value: dict[str, Any]) -> RecordingServers:
    """Read the app config value ``recording_servers``.

    TLS is verified only where ``verify`` is given and true: left out it counts as false.
    """
    entries, secret = value.get("servers"), value.get("secret")
    secret = secret if isinstance(secret, str) else ""
    places = (_server(entry, secret) for entry in (entries if isinstance(entries, list) else []))
    return RecordingServers(tuple(places), secret)


def _server(entry: Any, secret: str) -> RecordingServer | None:
    url = entry.get("server") if isinstance(entry, dict) else None
    if not is_web_url(url):
        return None
    return RecordingServer(web_url(url), secret, verifies_tls(entry.get("verify")))
