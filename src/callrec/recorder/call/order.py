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
    video: bool
    empty_timeout_s: float
    log_level: str = "info"
    log_json: bool = False

    def reach(self, url: str) -> str:
        """Return the address to connect to for *url* (http ≡ ws), which may lie behind ``connect_url``."""
        for scheme, web_scheme in (("ws://", "http://"), ("wss://", "https://")):
            if url.startswith(scheme):
                url = web_scheme + url.removeprefix(scheme)
        if url == self.backend_url or url.startswith(self.backend_url + "/"):
            return self.connect_url + url.removeprefix(self.backend_url)
        return url
