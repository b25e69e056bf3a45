"""What the settings mean for one recording: where it lies, how it is captured, how it is composed."""

from dataclasses import dataclass, field
from pathlib import Path

from callrec.recorder.call.order import CaptureOrder
from callrec.recorder.compose.child import ChildLogs
from callrec.recorder.compose.film import ComposeOptions, Look
from callrec.recorder.compose.hands import Hands, usable_cores
from callrec.recorder.compose.slots import Slots
from callrec.recorder.deliver.backends import Backends
from callrec.recorder.folder import home
from callrec.recorder.folder.manifest import Manifest
from callrec.recorder.folder.paths import FolderPaths
from callrec.recorder.lifecycle.keeper import KeepRules
from callrec.recorder.lifecycle.limits import Limits
from callrec.settings import BackendSettings, RecorderSettings


@dataclass(frozen=True)
class Plans:
    """The settings, and who the backends are; a backend's own word counts before the common one."""

    settings: RecorderSettings
    backends: Backends
    data: Path
    log_level: str
    log_json: bool
    look: Look = field(default_factory=Look)

    @property
    def own_home(self) -> Path:
        """Home of recordings in the data directory."""
        return self.data / home.OWN

    @property
    def homes_outside(self) -> list[Path]:
        """Homes that the settings name elsewhere."""
        return [home.within(directory) for directory in self.settings.directories]

    def home_of(self, backend_url: str) -> Path:
        """Return where new recordings of a backend lie."""
        backend = self.backends.get(backend_url)
        directory = (backend.directory if backend else None) or self.settings.directory
        return self.own_home if directory is None else home.within(directory)

    @property
    def homes(self) -> list[Path]:
        """Homes in which new recordings may lie."""
        homes = [self.home_of(url) for url in self.backends]
        if (anyone := self.settings.any_backend) is not None:
            directory = anyone.directory or self.settings.directory
            homes.append(self.own_home if directory is None else home.within(directory))
        return list(dict.fromkeys(homes))

    def compose_options(self, manifest: Manifest) -> ComposeOptions:
        """Return how the film of a recording is made."""
        backend = self.backends.get(manifest.backend)
        return ComposeOptions(
            width_px=(backend.width_px if backend else None) or self.settings.width_px,
            height_px=(backend.height_px if backend else None) or self.settings.height_px,
            fps=self.settings.fps,
            look=self.look,
        )

    @property
    def hands(self) -> Hands:
        """Return who composes: the bound is one for all recordings."""
        workers = self.settings.compose_workers or usable_cores()
        return Hands(
            workers, Slots(self.data / "composing", workers), ChildLogs(self.log_level, self.log_json)
        )

    def tracks(self, recording_id: str) -> Path | None:
        """Return the directory to be made of each participant's own sound and pictures, if any."""
        return None if self.settings.tracks is None else self.settings.tracks / recording_id

    def pixels(self, manifest: Manifest) -> int:
        """Return the pixels of a picture of the film."""
        options = self.compose_options(manifest)
        return options.width_px * options.height_px

    @property
    def limits(self) -> Limits:
        """What an operator allows."""
        return Limits(
            max_duration_s=self.settings.max_duration_s,
            max_size_bytes=self.settings.max_size_bytes,
            min_free_bytes=self.settings.min_free_bytes,
            max_recordings=self.settings.max_recordings,
            max_cpu_percent=self.settings.max_cpu_percent,
        )

    @property
    def keep_rules(self) -> KeepRules:
        """How long what nobody waits for is kept."""
        return KeepRules(
            delivered_s=self.settings.keep_delivered_s,
            failed_s=self.settings.keep_failed_s,
            delivered_bytes=self.settings.keep_delivered_bytes,
            min_free_bytes=2 * self.settings.min_free_bytes,  # before starts are refused
        )

    def capture_order(self, manifest: Manifest, paths: FolderPaths) -> CaptureOrder | None:
        """Return what a capture process is told; None where the backend is configured no more."""
        backend = self.backends.get(manifest.backend)
        if backend is None:
            return None
        return CaptureOrder(
            root=paths.root,
            anchor=manifest.anchor,
            token=manifest.token,
            backend_url=backend.url,
            connect_url=backend.connect_url or backend.url,
            backend_secret=backend.secret.get_secret_value(),
            signaling_secret=self._signaling_secret(backend),
            signaling_secrets={s.url: s.secret.get_secret_value() for s in self.settings.signalings},
            skip_verify=backend.skip_verify,
            video=manifest.video,
            empty_timeout_s=self.settings.empty_timeout_s,
            goes_on=manifest.acknowledged_at is not None,
            rejoin_window_s=self.settings.rejoin_window_s,
            log_level=self.log_level,
            log_json=self.log_json,
        )

    def _signaling_secret(self, backend: BackendSettings) -> str:
        secret = backend.signaling_secret or self.settings.signaling_secret
        return secret.get_secret_value() if secret else ""


def look_of(settings: RecorderSettings) -> Look:
    """Return what stands over the films; the watermark is read here, once.

    Raises:
        SettingsError: the watermark cannot be read or used.
    """
    path = settings.watermark
    watermark = b""
    if path is not None:
        from callrec.recorder.compose.notes import read_watermark  # late: with it comes all that draws

        watermark = read_watermark(path, "recorder.watermark")
    return Look(settings.title or "", settings.clock, watermark)
