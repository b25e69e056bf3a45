"""How new recordings and their films are called."""

import secrets
import time
from collections.abc import Collection

from callrec.settings import BackendSettings
from callrec.wire.recording import Start


def new_id(stamp: time.struct_time) -> str:
    """Return an id that no other recording has."""
    return f"{time.strftime('%Y%m%dT%H%M%S', stamp)}-{secrets.token_hex(4)}"


def new_file_name(
    stamp: time.struct_time, backend: BackendSettings, start: Start, taken: Collection[str]
) -> str:
    """Return a film's name that is not among those *taken* in its room."""
    base = time.strftime("Recording %Y-%m-%d %H-%M-%S", stamp)
    extension = backend.extension_video if start.is_video else ".ogg"
    name, number = base + extension, 2
    while name in taken:
        name, number = f"{base} ({number}){extension}", number + 1
    return name
