"""What the settings mean for one recording: a backend's own word counts before the common one."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from callrec.errors import SettingsError
from callrec.recorder.compose.child import ChildLogs
from callrec.recorder.compose.hands import usable_cores
from callrec.recorder.compose.slots import Slots
from callrec.recorder.deliver.backends import Backends
from callrec.recorder.folder.manifest import Manifest
from callrec.recorder.folder.paths import FolderPaths
from callrec.recorder.lifecycle.plans import Plans
from callrec.recorder.lifecycle.recordings import Recordings
from callrec.settings import RecorderSettings
from callrec.wire.recording import Actor, Start
from tests.recorder.folder.samples import MANIFEST

DATA = Path("/data")
OWN: dict[str, Any] = {
    "url": "https://own.example",
    "secret": "x",
    "width_px": 640,
    "height_px": 360,
    "directory": "/own",
    "signaling_secret": "own-internal",
    "skip_verify": True,
}
PLAIN: dict[str, Any] = {"url": "https://plain.example", "secret": "y"}
START = Start(1, "mira", Actor("users", "mira"))


def plans(**settings: Any) -> Plans:
    recorder = RecorderSettings.model_validate({"backends": [OWN, PLAIN], **settings})
    return Plans(recorder, Backends(recorder), DATA, "info", False)


def of(url: str) -> Manifest:
    return msgspec.structs.replace(MANIFEST, backend=url)


def test_where_recordings_lie() -> None:
    assert plans().home_of("https://own.example") == Path("/own/callrec-recordings")
    assert plans().home_of("https://plain.example") == DATA / "recordings"
    elsewhere = plans(directory="/spool")
    assert elsewhere.home_of("https://plain.example") == Path("/spool/callrec-recordings")
    assert elsewhere.home_of("https://own.example") == Path("/own/callrec-recordings")
    homes = {Path("/spool/callrec-recordings"), Path("/own/callrec-recordings")}
    assert set(elsewhere.homes_outside) == homes


def test_the_size_of_films() -> None:
    options = plans().compose_options(of("https://own.example"))
    assert (options.width_px, options.height_px) == (640, 360)
    assert plans(width_px=800).compose_options(of("https://plain.example")).width_px == 800
    assert plans().pixels(of("https://own.example")) == 640 * 360


def test_how_many_compose_at_once_is_one_bound_for_all_recordings() -> None:
    hands = plans(compose_workers=3).hands
    assert hands.slots == Slots(DATA / "composing", 3)
    assert (hands.workers, hands.logs) == (3, ChildLogs("info", as_json=False))
    assert plans().hands.workers == usable_cores()


def test_tracks_are_kept_only_where_it_is_said() -> None:
    assert plans().tracks("r1") is None
    assert plans(tracks="/tracks").tracks("r1") == Path("/tracks/r1")


def test_how_a_call_is_captured() -> None:
    signalings = [{"url": "wss://hpb.example/", "secret": "its-own"}]
    some = plans(signaling_secret="common", signalings=signalings)
    order = some.capture_order(of("https://own.example"), FolderPaths(Path("/r")))
    assert order is not None and order.skip_verify
    assert order.secret_for("https://any.example") == "own-internal"
    assert order.secret_for("https://hpb.example") == "its-own"
    order = some.capture_order(of("https://plain.example"), FolderPaths(Path("/r")))
    assert order is not None and not order.skip_verify
    assert order.secret_for("https://any.example") == "common"
    assert some.capture_order(of("https://gone.example"), FolderPaths(Path("/r"))) is None


def test_recordings_in_several_homes_are_found_again(tmp_path: Path) -> None:
    other = tmp_path / "other"
    homes: dict[str, Path] = {"https://own.example": other}

    def opened() -> Recordings:
        root = tmp_path / "recordings"
        return Recordings(root, homes=[other], home_of=lambda url: homes.get(url, root))

    recordings = opened()
    some = plans()
    ids = []
    for url in ("https://own.example", "https://plain.example"):
        backend = some.backends.get(url)
        assert backend is not None
        ids.append(recordings.create(backend, "k3x9p2aa", START).recording_id)
    assert [p.name for p in other.iterdir()] == [ids[0]]
    (other / ".recorder.lock").touch()
    homes.clear()  # the setting has changed: what lies there stays there
    again = opened()
    assert set(again.ids()) == set(ids)
    assert again.paths(ids[0]).root == other / ids[0]
    again.remove(ids[0])
    assert [p.name for p in other.iterdir()] == [".recorder.lock"]
    assert opened().ids() == [ids[1]]


def test_a_file_in_place_of_a_home_is_named(tmp_path: Path) -> None:
    (tmp_path / "recordings").write_text("")
    with pytest.raises(SettingsError, match=f"recordings directory {tmp_path / 'recordings'}: "):
        Recordings(tmp_path / "recordings")
