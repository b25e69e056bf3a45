"""Settings of those for whom a recorder records: conversation servers, and their signaling servers."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, field_validator

from callrec.settings.kinds import Part, web_url


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
    upload_chunk_bytes: int | None = Field(default=None, ge=1 << 20, le=1 << 40)
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
