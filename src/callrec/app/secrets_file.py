"""Secrets that a data directory generates for itself once and keeps."""

import secrets
from pathlib import Path

import msgspec

from callrec.errors import SettingsError
from callrec.recorder.folder.durable import replace_file

FILE_NAME = "secrets.json"


class Secrets(msgspec.Struct, frozen=True):
    """Shared secrets of the parts that ``serve`` runs, and the first password of ``admin``."""

    recording: str
    signaling_internal: str
    admin_password: str

    def __repr__(self) -> str:
        return "Secrets(…)"


def load_or_create(data: Path) -> Secrets:
    """Return the secrets of the data directory *data*; create it and them (mode 0600) at first use.

    Raises:
        SettingsError: the file is damaged, or the directory cannot be written.
    """
    path = data / FILE_NAME
    try:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            return msgspec.json.decode(path.read_bytes(), type=Secrets)
        except FileNotFoundError:
            pass
        created = Secrets(
            recording=secrets.token_urlsafe(32),
            signaling_internal=secrets.token_urlsafe(32),
            admin_password=secrets.token_urlsafe(12),
        )
        replace_file(path, msgspec.json.format(msgspec.json.encode(created)), 0o600)
        return created
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: {error}") from error
    except OSError as error:
        raise SettingsError(f"data directory {data}: {error.strerror or error}") from error
