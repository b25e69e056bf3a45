"""What the conversation server is given when it starts."""

from dataclasses import dataclass, field
from pathlib import Path

from callrec.settings import ConversationSettings


@dataclass(frozen=True)
class ConversationConfig:
    """Addresses, folders and secrets of one conversation server."""

    data: Path
    """Folder of the database and the files."""
    public_url: str
    """The one public base URL, without trailing slash."""
    settings: ConversationSettings
    recording_secret: str = field(repr=False)
    """Shared with the recording server, as long as app config does not name another."""
    recorder_url: str | None
    """Address of the built-in recording server; None: there is none."""
    signaling_url: str
    """Address of the built-in signaling server, as clients see it."""
    admin_password: str = field(repr=False)
    """Password that the user ``admin`` gets when it is created."""
    web: Path
    """Folder of the page's static files."""
