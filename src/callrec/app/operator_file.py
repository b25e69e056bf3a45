"""``operator.json``: how commands of this machine reach the operator's API of a recorder."""

import secrets
from contextlib import suppress
from pathlib import Path

import msgspec
import structlog

from callrec.errors import SettingsError
from callrec.recorder.folder.damaged import put_aside
from callrec.recorder.folder.durable import replace_file

FILE_NAME = "operator.json"

log = structlog.get_logger()


class DamagedOperatorFile(SettingsError):
    """The file is damaged: a recorder that starts makes another one."""


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

    A generated token is made once and kept; *configured*, from the settings, is not written. A file that is
    damaged is put aside, one that cannot be written does not keep the recorder from its work.

    Raises:
        SettingsError: the file cannot be read.
    """
    path = data / FILE_NAME
    try:
        known = read(data)
    except DamagedOperatorFile as damaged:
        log.error("operator_file_damaged", error=str(damaged))
        known = None
        with suppress(OSError):  # then it is replaced
            put_aside(path)
    token = configured or (known.token if known else None) or secrets.token_urlsafe(32)
    content = OperatorFile(url, None if configured else token)
    if content != known:
        try:
            replace_file(path, msgspec.json.format(msgspec.json.encode(content)), 0o600)
        except OSError as error:
            log.error("operator_file_not_written", error=f"{path}: {error.strerror or error}")
    return token


def read(data: Path) -> OperatorFile | None:
    """Return what the file says, None when there is none.

    Raises:
        DamagedOperatorFile: it does not say anything.
        SettingsError: it cannot be read.
    """
    path = data / FILE_NAME
    try:
        return msgspec.json.decode(path.read_bytes(), type=OperatorFile)
    except FileNotFoundError:
        return None
    except IsADirectoryError as error:
        raise DamagedOperatorFile(f"{path}: {error.strerror}") from error
    except OSError as error:
        raise SettingsError(f"{path}: {error}") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise DamagedOperatorFile(f"{path}: {error}") from error
