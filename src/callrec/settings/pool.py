"""Settings of a recorder that shares an address with others."""

import re

from pydantic import Field, SecretStr, field_validator

from callrec.settings.kinds import Part

_POSTGRESQL = re.compile(r"postgresql://[^/?#\s]+/[^/?#\s]+")
_BUCKET = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9._-]+)*")


class PoolSettings(Part):
    """What all recorders of a pool share."""

    database_url: SecretStr
    """A PostgreSQL database: ``postgresql://user:password@host:port/name``."""
    blobs_url: str
    """Where copies of unfinished folders lie: ``s3://bucket/prefix``, or ``file:///path`` (a shared disk)."""
    blobs_endpoint: str | None = Field(default=None, pattern=r"^https?://")
    """Base URL of an S3 service that is not AWS."""
    blobs_region: str | None = None
    blobs_access_key_id: str | None = None
    blobs_secret_access_key: SecretStr | None = None
    """Without keys those of the AWS environment count, or of the machine's role."""

    @field_validator("database_url")
    @classmethod
    def _is_postgresql(cls, value: SecretStr) -> SecretStr:
        if not _POSTGRESQL.fullmatch(value.get_secret_value()):
            raise ValueError("must have the form postgresql://user:password@host:port/name")
        return value

    @field_validator("blobs_url")
    @classmethod
    def _is_storage(cls, value: str) -> str:
        if not _BUCKET.fullmatch(value) and not value.startswith("file:///"):
            raise ValueError("must have the form s3://bucket/prefix, or file:///path")
        return value
