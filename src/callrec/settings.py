"""Settings: environment variables over a TOML file over defaults (docs/settings.md lists them all).

A recorder may have a ``server.conf`` beside them, which counts below the TOML file.

``CALLREC_PUBLIC_URL``, ``CALLREC_ADMIN_PASSWORD``, ``CALLREC_LOG_LEVEL`` …; nested ones with two underscores,
such as ``CALLREC_CONVERSATION__START_TIMEOUT_S``. The TOML file is ``callrec.toml`` in the data directory.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import (
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)
from pydantic_settings import (
    SettingsError as SourceError,
)

from callrec.errors import SettingsError
from callrec.settings_kinds import Part, networks, web_url
from callrec.settings_operator import OperatorSettings
from callrec.settings_pool import PoolSettings

FILE_NAME = "callrec.toml"

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


class AnyBackendSettings(Part):
    """Backends under whatever URL. What is None is as the recorder's settings say."""

    secret: SecretStr = Field(min_length=1)
    signaling_secret: SecretStr | None = Field(default=None, min_length=1)
    """The internal secret of the signaling server that the backend's settings name."""
    extension_video: Literal[".webm", ".mp4", ".mkv"] = ".webm"
    """Container of a video recording. Released versions of Talk refuse .mp4."""
    skip_verify: bool = False
    """TLS certificates of the backend, and of its signaling server, are not looked at."""
    max_message_bytes: int | None = Field(default=None, gt=0)
    """Largest body accepted from it by the control API."""
    upload_chunk_bytes: int | None = Field(default=None, ge=1 << 20, le=1 << 30)
    width_px: int | None = Field(default=None, ge=320, le=3840, multiple_of=2)
    height_px: int | None = Field(default=None, ge=180, le=2160, multiple_of=2)
    directory: Path | None = None
    """Where its recordings wait for their upload."""


class BackendSettings(AnyBackendSettings):
    """One conversation server that may order recordings."""

    url: str
    connect_url: str | None = None
    """Replaces the leading ``url`` in every request to this backend (containers, hairpin NAT)."""

    @field_validator("url", "connect_url")
    @classmethod
    def _is_url(cls, value: str | None) -> str | None:
        return web_url(value)


class SignalingServer(Part):
    """A signaling server with an internal secret of its own, which it gets at exactly this URL."""

    url: str
    secret: SecretStr = Field(min_length=1)

    @field_validator("url")
    @classmethod
    def _is_url(cls, value: str) -> str:
        for scheme, web_scheme in (("ws://", "http://"), ("wss://", "https://")):
            if value.startswith(scheme):
                value = web_scheme + value.removeprefix(scheme)
        return str(web_url(value))


class RecorderSettings(OperatorSettings):
    """The recording server's own settings."""

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    trusted_proxies: tuple[str, ...] = ()
    """Networks (CIDR) whose ``X-Forwarded-For`` counts; none: loopback."""
    backends: tuple[BackendSettings, ...] = ()
    any_backend: AnyBackendSettings | None = None
    """Whoever knows its secret may order recordings, under any URL."""
    signaling_secret: SecretStr | None = Field(default=None, min_length=1)
    """Internal secret for the signaling servers of backends that name none of their own."""
    signalings: tuple[SignalingServer, ...] = ()
    width_px: int = Field(default=1920, ge=320, le=3840, multiple_of=2)
    height_px: int = Field(default=1080, ge=180, le=2160, multiple_of=2)
    fps: Literal[25] = 25
    title: str | None = Field(default=None, min_length=1, max_length=200)
    """Shown in the first seconds of a film."""
    clock: Literal["none", "call", "utc"] = "none"
    """call: the time since its beginning, utc: date and time of day; in a corner of the film."""
    watermark: Path | None = None
    """A PNG file that is laid over films, in a corner."""
    compose_workers: int | None = Field(default=None, gt=0)
    """So many chunks at most are composed at once, over all recordings; None: one for each core."""
    tracks: Path | None = None
    """Where each participant's own sound and pictures are kept, a directory per recording; None: nowhere."""
    directory: Path | None = None
    """Where recordings wait for their upload; None: ``recordings`` in the data directory."""
    empty_timeout_s: float = Field(default=30, gt=0)
    """A recording stops when the call has been empty for this long."""
    max_duration_s: float | None = Field(default=24 * 3600, gt=0)
    """A recording stops by itself when its film is this long."""
    max_size_bytes: int | None = Field(default=None, gt=0)
    """A recording stops by itself when its folder is this large."""
    min_free_bytes: int = Field(default=1 << 30, ge=0)
    """With less free disk nothing is started; at half of it, beside what they still need, recordings stop."""
    max_recordings: int | None = Field(default=None, gt=0)
    """So many recordings at most are captured at once."""
    max_cpu_percent: float | None = Field(default=None, gt=0, le=100)
    """Nothing is started while the machine is busier than this; composing, which is niced, does not count."""
    rejoin_window_s: float = Field(default=120, gt=0)
    """After a crash the call is rejoined only when the last sign of life is younger than this."""
    max_message_bytes: int = Field(default=1024, gt=0)
    """Largest body accepted by the control API."""
    upload_chunk_bytes: int = Field(default=10 << 20, ge=1 << 20, le=1 << 30)
    """So much of a film is sent in one request, where the backend takes uploads in chunks."""
    retry_first_s: float = Field(default=1, gt=0)
    """Wait before the first repetition of an upload or report; it doubles each time …"""
    retry_longest_s: float = Field(default=6 * 3600, gt=0)
    """… up to this."""
    keep_delivered_s: float = Field(default=7 * 24 * 3600, ge=0)
    """Tracks and timeline of a recording that was delivered are kept for so long, to compose it again …"""
    keep_delivered_bytes: int | None = Field(default=20 << 30, ge=0)
    """… while all that are kept are not larger than this (the oldest goes first), and the disk is not low."""
    keep_failed_s: float = Field(default=7 * 24 * 3600, gt=0)
    """What was captured but never acknowledged by the backend is kept for so long for the operator."""
    retry_for_s: float = Field(default=14 * 24 * 3600, gt=0)
    """After this time a delivery is parked: kept on disk, and logged as an error."""
    metrics_networks: tuple[str, ...] = ()
    """Networks (CIDR) beside loopback that may read ``/metrics``."""
    pool: PoolSettings | None = None
    """Shared with other recorders behind the same address."""

    @field_validator("metrics_networks", "trusted_proxies")
    @classmethod
    def _are_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return networks(value)

    @field_validator("backends", "signalings")
    @classmethod
    def _urls_differ(cls, value: tuple[Any, ...]) -> tuple[Any, ...]:
        urls = [entry.url for entry in value]
        if len(set(urls)) < len(urls):
            raise ValueError("a url is named twice")
        return value

    @property
    def directories(self) -> list[Path]:
        """Where recordings lie beside the data directory."""
        named = [self.directory, *(backend.directory for backend in self.backends)]
        if self.any_backend is not None:
            named.append(self.any_backend.directory)
        return [directory for directory in dict.fromkeys(named) if directory is not None]

    @property
    def gives_signaling_secret_away(self) -> bool:
        """Tell whether a backend could harvest an internal secret that is not for its own server alone.

        It goes to whatever signaling server the backend names.
        """
        if self.any_backend is not None and (self.any_backend.signaling_secret or self.signaling_secret):
            return True
        secrets = [b.signaling_secret or self.signaling_secret for b in self.backends]
        given = [secret.get_secret_value() for secret in secrets if secret is not None]
        return len(set(given)) < len(given)


class Settings(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(
        env_prefix="CALLREC_", env_nested_delimiter="__", frozen=True, extra="forbid"
    )

    public_url: str | None = None
    """The one base URL by which people and recorders reach the server, without trailing slash."""
    admin_password: SecretStr | None = None
    """Presets the password of the user ``admin``."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_json: bool = False
    conversation: ConversationSettings = ConversationSettings()
    recorder: RecorderSettings = RecorderSettings()

    @field_validator("admin_password")
    @classmethod
    def _not_empty(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value():
            raise ValueError("must not be empty")
        return value

    @field_validator("public_url")
    @classmethod
    def _is_url(cls, value: str | None) -> str | None:
        return web_url(value)


def load(data: Path, below: Mapping[str, Any] | None = None, **overrides: Any) -> Settings:
    """Read the settings for the data directory *data*; those of *below* count where no other says anything.

    Raises:
        SettingsError: a value is missing, unknown or wrong; the text names the setting.
    """

    class _FromFile(Settings):
        model_config = SettingsConfigDict(toml_file=data / FILE_NAME)

        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            file = TomlConfigSettingsSource(settings_cls)
            return init_settings, env_settings, file, InitSettingsSource(settings_cls, dict(below or {}))

    try:
        return _FromFile(**overrides)
    except ValidationError as error:
        lines = (f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False))
        raise SettingsError("; ".join(lines)) from None
    except SourceError as error:  # a variable whose JSON does not parse
        raise SettingsError(f"environment: {error}") from error
    except (ValueError, OSError) as error:  # TOML that does not parse, or a file that cannot be read
        raise SettingsError(f"{data / FILE_NAME}: {error}") from error
