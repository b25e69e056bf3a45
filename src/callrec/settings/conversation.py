"""Settings of the conversation server."""

import re

from pydantic import Field, SecretStr, field_validator, model_validator

from callrec.settings.kinds import Part, networks, web_url

_POSTGRESQL = re.compile(
    r"postgresql(\+psycopg)?://([^/@]+@)?([\w.-]*|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?/[^/?@]+(\?.*)?"
)
_BUCKET = re.compile(r"s3://[a-z0-9][a-z0-9.-]*(/[\w./-]*)?")


class ConversationSettings(Part):
    """The conversation server's own settings."""

    start_timeout_s: float = Field(default=60, gt=0)
    """A start that the recorder has not confirmed within this time becomes *failed*."""
    stop_timeout_s: float = Field(default=60, gt=0)
    """A recorder that has not reported the end within this time is asked again to stop."""
    max_upload_bytes: int = Field(default=1 << 40, gt=0)
    """Largest recording, or other file, that is accepted."""
    welcome_file: bool = False
    """A new user's home holds a file ``welcome.txt``."""
    session_timeout_s: float = Field(default=100, gt=0)
    """A session in a room without a sign of life for this long is removed."""
    database_url: SecretStr | None = None
    """A PostgreSQL database (``postgresql+psycopg://user:password@host/name``) in place of SQLite's file."""
    blobs_url: str | None = None
    """An S3 bucket for the files (``s3://bucket/prefix``) in place of the folder in the data directory."""
    blobs_endpoint: str | None = None
    """Base URL of an S3 service that is not AWS."""
    blobs_region: str | None = None
    blobs_access_key_id: str | None = None
    blobs_secret_access_key: SecretStr | None = None
    """Without keys those of the AWS environment count, or of the machine's role."""
    metrics_networks: tuple[str, ...] = ()
    """Networks (CIDR) beside loopback that may read ``/metrics``."""
    transcription_url: str | None = None
    """Where recordings are made into text: the whole address, such as ``…/v1/audio/transcriptions``."""
    transcription_model: str = "whisper-1"
    transcription_key: SecretStr | None = None
    summary_url: str | None = None
    """Where transcripts are summarized: the whole address, such as ``…/v1/chat/completions``."""
    summary_model: str | None = None
    summary_key: SecretStr | None = None
    transcript_timeout_s: float = Field(default=3600, gt=0)
    """Longest time for one transcript, or one summary."""
    transcript_retry_first_s: float = Field(default=10, gt=0)
    """Wait before a transcript or summary is tried again; it doubles each time, up to an hour …"""
    transcript_retry_for_s: float = Field(default=24 * 3600, gt=0)
    """… and when the waits add up to this the owner is told that it failed."""
    newer_transcript_names: bool = False
    """A transcript is called ``{base} transcript.md``, as in the newest Talk, in place of ``{base}.md``."""
    test_mode: bool = False
    """What Talk's own integration tests need: a reset of everything, among others. Never for real use."""

    @field_validator("metrics_networks")
    @classmethod
    def _are_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return networks(value)

    @field_validator("transcription_url", "summary_url")
    @classmethod
    def _is_provider(cls, value: str | None) -> str | None:
        return web_url(value)

    @model_validator(mode="after")
    def _summary_is_whole(self) -> "ConversationSettings":
        if self.summary_url is not None and self.summary_model is None:
            raise ValueError("summary_model must be set where summary_url is")
        if self.summary_url is not None and self.transcription_url is None:
            raise ValueError("transcription_url must be set where summary_url is")
        return self

    @field_validator("database_url")
    @classmethod
    def _is_postgresql(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not _POSTGRESQL.fullmatch(value.get_secret_value()):
            raise ValueError("must have the form postgresql+psycopg://user:password@host:port/name")
        return value

    @field_validator("blobs_url")
    @classmethod
    def _is_bucket(cls, value: str | None) -> str | None:
        if value is not None and not _BUCKET.fullmatch(value):
            raise ValueError("must have the form s3://bucket/prefix")
        return value

    @field_validator("blobs_endpoint")
    @classmethod
    def _is_endpoint(cls, value: str | None) -> str | None:
        return web_url(value)
