"""The directory of recordings: of one user, and of one recorder at a time."""

import os
from pathlib import Path

import pytest

from callrec.errors import SettingsError
from callrec.recorder.folder import home


def test_it_is_made_for_its_user_alone(tmp_path: Path) -> None:
    place = home.within(tmp_path / "spool")
    with home.opened(place):
        assert place.stat().st_mode & 0o777 == 0o700
        with pytest.raises(SettingsError, match="another recorder"), home.opened(place):
            raise AssertionError("two recorders would adopt each other's recordings")
    with home.opened(place):
        pass


def test_what_somebody_else_planted_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = home.within(tmp_path)
    (tmp_path / "theirs").mkdir()
    place.symlink_to(tmp_path / "theirs")
    with pytest.raises(SettingsError, match="somebody else"), home.opened(place):
        raise AssertionError
    place.unlink()
    place.mkdir()
    monkeypatch.setattr(os, "geteuid", lambda: place.stat().st_uid + 1)
    with pytest.raises(SettingsError, match="somebody else"), home.opened(place):
        raise AssertionError


def test_what_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    place = home.within(tmp_path / "file")
    with pytest.raises(SettingsError, match=str(place)), home.opened(place):
        raise AssertionError
