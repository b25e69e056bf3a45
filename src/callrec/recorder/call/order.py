"""What a capture process is told: which call to join, and with which keys. Travels by pipe, never by argv."""

from dataclasses import dataclass, field
from pathlib import Path

from callrec.recorder.folder.manifest import Anchor


@dataclass(frozen=True)
class CaptureOrder:
    """Join the call of room ``token`` and capture it into ``root``."""

    root: Path
    anchor: Anchor
    token: str
    backend_url: str
    """The backend's public base URL, as it is named in signed requests."""
    connect_url: str
    """What replaces the leading ``backend_url`` in addresses that are really connected to."""
    backend_secret: str = field(repr=False)
    signaling_secret: str = field(repr=False)
    """Internal secret for whatever signaling server the backend names; empty: none …"""
    video: bool
    empty_timeout_s: float
    signaling_secrets: dict[str, str] = field(default_factory=dict, repr=False)
    """… but a server listed here (URL with http, no slash at the end) gets its own, at exactly that URL."""
    goes_on: bool = False
    """The backend has agreed to the recording already: another process or recorder was in the call before."""
    rejoin_window_s: float = 120.0
    """So long at least a recording that goes on is tried to be brought back into its call."""
    skip_verify: bool = False
    """TLS certificates are not looked at."""
    log_level: str = "info"
    log_json: bool = False

    def reach(self, url: str) -> str:
        """Return the address to connect to for *url* (http ≡ ws), which may lie behind ``connect_url``."""
        url = _web(url)
        if url == self.backend_url or url.startswith(self.backend_url + "/"):
            return self.connect_url + url.removeprefix(self.backend_url)
        return url

    def secret_for(self, signaling_url: str) -> str:
        """Return the internal secret for the signaling server that the backend names so; empty: none."""
        return self.signaling_secrets.get(_web(signaling_url).rstrip("/"), self.signaling_secret)


def _web(url: str) -> str:
    for scheme, web_scheme in (("ws://", "http://"), ("wss://", "https://")):
        if url.startswith(scheme):
            return web_scheme + url.removeprefix(scheme)
    return url
