"""What each key means for our settings (docs/operating.md, Moving from the stock recorder)."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog
from pydantic import BaseModel, ValidationError

from callrec.app.server_conf import ini
from callrec.app.server_conf.ini import Ini
from callrec.settings import AnyBackendSettings, BackendSettings, RecorderSettings, SignalingServer

_Keys = dict[str, tuple[str, Callable[[str], Any]]]

OF_BACKEND: _Keys = {
    "skipverify": ("skip_verify", ini.boolean),
    "maxmessagesize": ("max_message_bytes", ini.number),
    "videowidth": ("width_px", ini.number),
    "videoheight": ("height_px", ini.number),
    "directory": ("directory", Path),
    "uploadchunksize": ("upload_chunk_bytes", ini.chunk_bytes),
}
"""Keys of [backend] that a backend's own section may override, with our setting and how they are read."""
OF_ONE_BACKEND: _Keys = {"url": ("url", str), "secret": ("secret", str), **OF_BACKEND}
OF_ONE_SIGNALING: _Keys = {"url": ("url", str), "internalsecret": ("secret", str)}
NOT_APPLICABLE = {
    "ffmpeg": dict.fromkeys(
        ("common", "inputaudio", "inputvideo", "outputaudio", "outputvideo"), "there is no ffmpeg program"
    ),
    "recording": dict.fromkeys(("browser", "driverpath", "browserpath"), "there is no browser"),
}
KNOWN: dict[str, Collection[str]] = {
    "logs": {"level"},
    "http": {"listen"},
    "app": {"trustedproxies"},
    "backend": {"allowall", "secret", "backends", *OF_BACKEND},
    "signaling": {"internalsecret", "signalings"},
    "ffmpeg": {"extensionaudio", "extensionvideo"},
    "recording": (),
    "stats": {"allowed_ips"},
}
VIDEO_EXTENSIONS = (".webm", ".mp4", ".mkv")
DEFAULT_VIDEO_EXTENSION = ".webm"
AUDIO_EXTENSION = ".ogg"
LEFT_OUT = "server_conf_left_out"
REPEATED = "server_conf_repeated"

log = structlog.get_logger()


@dataclass(frozen=True)
class Notice:
    """Something to be said at the start: a log event and what belongs to it."""

    event: str
    fields: dict[str, str]

    @property
    def is_error(self) -> bool:
        """Something that was meant to count does not."""
        return self.event in (LEFT_OUT, REPEATED)


@dataclass
class ServerConf:
    """What a file says in terms of our settings."""

    settings: dict[str, Any] = field(default_factory=dict)
    """As in our settings file; what is not named is not there."""
    notices: list[Notice] = field(default_factory=list)


def read(path: Path) -> ServerConf:
    """Read the ``server.conf`` at *path*.

    Raises:
        SettingsError: the file cannot be read, or a value is malformed: the text names section and key.
    """
    return _Reading(Ini(path)).result


def log_notices(conf: ServerConf) -> None:
    """Say what of the file does not count, once each."""
    for notice in conf.notices:
        (log.error if notice.is_error else log.warning)(notice.event, **notice.fields)


class _Reading:
    def __init__(self, file: Ini) -> None:
        self._ini = file
        self.result = ServerConf()
        recorder: dict[str, Any] = {}
        self._put(recorder, self._ini.value("http", "listen", ini.listen))
        self._set(recorder, "trusted_proxies", self._ini.value("app", "trustedproxies", ini.networks))
        self._set(recorder, "metrics_networks", self._ini.value("stats", "allowed_ips", ini.networks))
        common = self._fields("backend", {k: v for k, v in OF_BACKEND.items() if k != "skipverify"})
        self._validated("backend", RecorderSettings, OF_BACKEND, common)
        recorder |= common
        self._backends(recorder)
        self._signalings(recorder)
        self.result.settings["recorder"] = recorder
        self._set(self.result.settings, "log_level", self._ini.value("logs", "level", ini.log_level))
        self._report_the_rest()

    @staticmethod
    def _set(target: dict[str, Any], name: str, value: Any) -> None:
        if value is not None:
            target[name] = value

    @staticmethod
    def _put(recorder: dict[str, Any], address: tuple[str, int] | None) -> None:
        if address is not None:
            recorder["host"], recorder["port"] = address

    def _notice(self, event: str, **fields: str) -> None:
        self.result.notices.append(Notice(event, fields))

    def _fields(self, section: str, keys: _Keys) -> dict[str, Any]:
        values = {name: self._ini.value(section, key, convert) for key, (name, convert) in keys.items()}
        return {name: value for name, value in values.items() if value is not None}

    def _validated(
        self, section: str, model: type[BaseModel], keys: _Keys, values: dict[str, Any]
    ) -> dict[str, Any]:
        """Return *values* if *model* takes them. Raises SettingsError."""
        try:
            model.model_validate(values)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            named = {name: key for key, (name, _) in keys.items()}
            raise self._ini.error(section, named[str(first["loc"][0])], first["msg"]) from None
        return values

    def _container(self) -> str:
        """Return the extension of films, and say which are not made."""
        if self._ini.text("ffmpeg", "extensionaudio") not in (None, AUDIO_EXTENSION):
            self._not_made("extensionaudio", AUDIO_EXTENSION)
        video = self._ini.text("ffmpeg", "extensionvideo")
        if video in VIDEO_EXTENSIONS:
            return video
        if video is not None:
            self._not_made("extensionvideo", DEFAULT_VIDEO_EXTENSION)
        return DEFAULT_VIDEO_EXTENSION

    def _not_made(self, key: str, instead: str) -> None:
        self._notice("server_conf_not_applicable", section="ffmpeg", key=key, instead=instead)

    def _backends(self, recorder: dict[str, Any]) -> None:
        all_may = self._ini.value("backend", "allowall", ini.boolean) or False
        common_secret = self._ini.text("backend", "secret")
        skip_verify = self._ini.value("backend", "skipverify", ini.boolean) or False
        if not all_may and self._ini.text("backend", "backends") is None:
            return
        options = {"extension_video": self._container(), "skip_verify": skip_verify}
        if all_may:
            if common_secret is None:
                raise self._ini.error("backend", "secret", "is needed with allowall")
            recorder["any_backend"] = self._validated(
                "backend", AnyBackendSettings, OF_ONE_BACKEND, {**options, "secret": common_secret}
            )
        found = self._listed("backend", "backends", OF_ONE_BACKEND, BackendSettings, ("url", "secret"))
        # With allowall the common secret counts for those that are listed, too.
        override = {"secret": common_secret} if all_may else {}
        entries = [{**options, **values, **override} for values in found]
        if entries:
            recorder["backends"] = entries

    def _signalings(self, recorder: dict[str, Any]) -> None:
        self._set(recorder, "signaling_secret", self._ini.text("signaling", "internalsecret"))
        found = self._listed(
            "signaling", "signalings", OF_ONE_SIGNALING, SignalingServer, ("url", "internalsecret")
        )
        if found:
            recorder["signalings"] = found

    def _listed(
        self, section: str, key: str, keys: _Keys, model: type[BaseModel], needed: tuple[str, ...]
    ) -> list[dict[str, Any]]:
        """Read the sections that *key* lists.

        One without a needed key is left out, and so is the first of two with the same URL.
        """
        by_url: dict[str, tuple[str, dict[str, Any]]] = {}
        for name in dict.fromkeys(self._ini.value(section, key, ini.words) or []):
            missing = [k for k in needed if self._ini.text(name, k) is None]
            if missing:
                self._notice(LEFT_OUT, section=name, missing=", ".join(missing))
                continue
            values = self._validated(name, model, keys, self._fields(name, keys))
            url = str(getattr(model.model_validate(values), "url"))  # noqa: B009 - both models have one
            if url in by_url:
                self._notice(LEFT_OUT, section=by_url[url][0], same_url_as=name)
            by_url[url] = name, values
        return [values for _, values in by_url.values()]

    def _report_the_rest(self) -> None:
        for section, key in self._ini.repeated:
            self._notice(REPEATED, section=section, key=key)
        listed: dict[str, Collection[str]] = {
            **dict.fromkeys(self._ini.value("backend", "backends", ini.words) or [], OF_ONE_BACKEND),
            **dict.fromkeys(self._ini.value("signaling", "signalings", ini.words) or [], OF_ONE_SIGNALING),
        }
        for section in self._ini.sections:
            known = listed.get(section, KNOWN.get(section))
            if known is None:
                self._notice("server_conf_unknown", section=section)
                continue
            no_use = NOT_APPLICABLE.get("backend" if known is OF_ONE_BACKEND else section, {})
            for key in self._ini.keys(section):
                if key in no_use:
                    self._notice("server_conf_not_applicable", section=section, key=key, because=no_use[key])
                elif key not in known:
                    self._notice("server_conf_unknown", section=section, key=key)
