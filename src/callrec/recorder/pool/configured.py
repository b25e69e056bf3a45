"""The ledger and the mirror that the settings name."""

import secrets
from datetime import timedelta
from pathlib import Path

from obstore.store import LocalStore, S3Store

from callrec.errors import SettingsError
from callrec.recorder.folder.durable import replace_file
from callrec.recorder.pool.ledger import Ledger
from callrec.recorder.pool.mirror import Mirror
from callrec.settings import PoolSettings

ID_FILE = "recorder-id"
_TIMEOUT = timedelta(seconds=30)
_RETRIED_FOR = timedelta(seconds=20)
"""Whoever asks asks again himself."""


def recorder_id(data: Path) -> str:
    """Return the id of the recorder whose data directory is *data*: made once, and kept."""
    path = data / ID_FILE
    try:
        known = path.read_text().strip()
    except FileNotFoundError:
        known = secrets.token_hex(8)
        replace_file(path, f"{known}\n".encode())
    if not known.isalnum():
        raise SettingsError(f"{path}: is no recorder's id")
    return known


def ledger(settings: PoolSettings, data: Path) -> Ledger:
    """Return the ledger as the recorder with the data directory *data* sees it."""
    return Ledger(settings.database_url.get_secret_value(), recorder_id(data))


def mirror(settings: PoolSettings) -> Mirror:
    """Return the mirror in the shared storage. Raises SettingsError."""
    if settings.blobs_url.startswith("file://"):
        try:
            return Mirror(LocalStore(settings.blobs_url.removeprefix("file://"), mkdir=True))
        except OSError as error:
            raise SettingsError(f"recorder.pool.blobs_url: {error}") from error
    bucket, _, prefix = settings.blobs_url.removeprefix("s3://").partition("/")
    named = {
        "endpoint": settings.blobs_endpoint,
        "region": settings.blobs_region,
        "access_key_id": settings.blobs_access_key_id,
        "secret_access_key": settings.blobs_secret_access_key.get_secret_value()
        if settings.blobs_secret_access_key
        else None,
    }
    given = {key: value for key, value in named.items() if value is not None}
    return Mirror(
        S3Store(
            bucket,
            prefix=prefix or None,
            client_options={
                "allow_http": (settings.blobs_endpoint or "").startswith("http://"),
                "timeout": _TIMEOUT,
            },
            retry_config={"max_retries": 2, "retry_timeout": _RETRIED_FOR},
            **given,  # type: ignore[arg-type]  # the overloads do not know mappings
        )
    )
