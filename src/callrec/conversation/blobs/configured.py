"""The place for blobs that the settings name."""

from pathlib import Path
from urllib.parse import urlsplit

from callrec.conversation.blobs.local import LocalBlobs
from callrec.conversation.blobs.store import BlobStore
from callrec.settings import ConversationSettings


def configured_blobs(data: Path, settings: ConversationSettings) -> BlobStore:
    """Return the S3 prefix of ``blobs_url``, or the folder ``files`` of the data directory."""
    if settings.blobs_url is None:
        return LocalBlobs(data / "files")
    # Imported here: the client takes memory that local files do not need.
    from callrec.conversation.blobs.s3 import S3Blobs

    place = urlsplit(settings.blobs_url)
    secret = settings.blobs_secret_access_key
    credentials = {
        "region": settings.blobs_region,
        "access_key_id": settings.blobs_access_key_id,
        "secret_access_key": secret.get_secret_value() if secret else None,
    }
    given = {name: value for name, value in credentials.items() if value}
    return S3Blobs(place.netloc, place.path.strip("/"), settings.blobs_endpoint, given)
