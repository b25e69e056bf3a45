"""Whether a recorder is ready depends on every disk on which new recordings would lie."""

from pathlib import Path
from typing import Any

import pytest

from callrec.observe import disk
from callrec.recorder.deliver.backends import Backends
from callrec.recorder.lifecycle.homes import Homes
from callrec.recorder.lifecycle.plans import Plans
from callrec.recorder.lifecycle.readiness import problems
from callrec.settings import RecorderSettings

BACKENDS = [{"url": "https://talk.example", "secret": "x"}]


@pytest.fixture
def free_bytes(monkeypatch: pytest.MonkeyPatch) -> dict[Path, int]:
    known: dict[Path, int] = {}
    monkeypatch.setattr(disk, "free_bytes", lambda folder: known.get(folder, 1 << 40))
    return known


def plans_of(data: Path, **settings: Any) -> Plans:
    recorder = RecorderSettings.model_validate({"backends": BACKENDS, **settings})
    return Plans(recorder, Backends(recorder), data, "info", False)


def test_the_data_directory_counts_as_far_as_it_is_used(tmp_path: Path, free_bytes: dict[Path, int]) -> None:
    at_home, elsewhere = plans_of(tmp_path), plans_of(tmp_path, directory=str(tmp_path / "disk"))
    assert at_home.homes == [tmp_path / "recordings"]
    assert elsewhere.homes == [tmp_path / "disk" / "callrec-recordings"]
    free_bytes.update({tmp_path: 100 << 20, tmp_path / "recordings": 100 << 20})
    assert set(problems(tmp_path, at_home, Homes(tmp_path, []))) == {"disk"}
    assert problems(tmp_path, elsewhere, Homes(tmp_path, [])) == {}
    free_bytes[tmp_path] = 1 << 20
    assert "1 MiB" in problems(tmp_path, elsewhere, Homes(tmp_path, []))["disk"]


def test_a_disk_of_recordings_counts(tmp_path: Path, free_bytes: dict[Path, int]) -> None:
    plans = plans_of(tmp_path, any_backend={"secret": "y", "directory": str(tmp_path / "disk")})
    home = tmp_path / "disk" / "callrec-recordings"
    assert plans.homes == [tmp_path / "recordings", home]
    free_bytes[home] = 100 << 20
    assert str(home) in problems(tmp_path, plans, Homes(tmp_path, []))["disk"]


def test_one_that_is_not_mounted_is_said_so(tmp_path: Path) -> None:
    plans = plans_of(tmp_path, directory=str(tmp_path / "disk"))
    with Homes(tmp_path, plans.homes_outside).opened():
        pass
    (tmp_path / "disk").rename(tmp_path / "elsewhere")
    homes = Homes(tmp_path, plans.homes_outside)
    with homes.opened():
        assert "not mounted" in problems(tmp_path, plans, homes)["recordings"]
