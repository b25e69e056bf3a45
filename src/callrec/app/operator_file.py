"""``operator.json``: how commands of this machine reach the operator's API of a recorder."""

import os
import secrets
from pathlib import Path

import msgspec

from callrec.errors import SettingsError

FILE_NAME = "operator.json"


class OperatorFile(msgspec.Struct, frozen=True, omit_defaults=True):
    """Written by the recorder at its start, mode 0600."""

    url: str
    """Where it listens, or listened."""
    token: str | None = None
    """The generated one; None: the settings have one."""

    def __repr__(self) -> str:
        return f"OperatorFile({self.url}, …)"


def prepare(data: Path, url: str, configured: str | None) -> str:
    """Write the file of a recorder that is about to listen at *url*; return the token that opens it.

    A generated token is made once and kept; *configured*, from the settings, is not written.

    Raises:
        SettingsError: the file is damaged, or cannot be written.
    """
    path = data / FILE_NAME
    known = read(data)
    token = configured or (known.token if known else None) or secrets.token_urlsafe(32)
    content = OperatorFile(url, None if configured else token)
    try:
        temporary = path.with_suffix(".tmp")
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(content)))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror or error}") from error
    return token


def read(data: Path) -> OperatorFile | None:
    """Return what the file says, None when there is none. Raises SettingsError."""
    path = data / FILE_NAME
    try:
        return msgspec.json.decode(path.read_bytes(), type=OperatorFile)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: {error}") from error
