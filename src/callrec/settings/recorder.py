"""Settings of the recording server."""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, field_validator

from callrec.settings.backends import AnyBackendSettings, BackendSettings, SignalingServer
from callrec.settings.kinds import networks
from callrec.settings.operator import OperatorSettings
from callrec.settings.pool import PoolSettings


class RecorderSettings(OperatorSettings):
    """The recording server's own settings."""

    host: str = "127.0.0.1"
    port: int | None = Field(default=None, ge=0, le=65535)
    """0: any that is free, another one at each start; None: 8000, or in ``serve`` the server's and one."""
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
    upload_chunk_bytes: int = Field(default=10 << 20, ge=1 << 20, le=1 << 40)
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
