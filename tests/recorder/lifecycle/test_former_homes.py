"""Homes that the settings name no more: what lies there is still owed."""

import errno
from pathlib import Path

import pytest

from callrec.recorder.lifecycle import former_homes


@pytest.fixture
def homes(tmp_path: Path) -> list[Path]:
    made = [tmp_path / name for name in ("a", "b")]
    for home in made:
        (home / "20251126T140509-0a1b2c3d").mkdir(parents=True)
        (home / ".recorder.lock").touch()
    return made


def test_one_is_remembered_until_nothing_lies_there(tmp_path: Path, homes: list[Path]) -> None:
    a, b = homes
    assert former_homes.take_over(tmp_path, [a]) == []
    assert former_homes.take_over(tmp_path, [b]) == [a] == former_homes.read(tmp_path, [b])
    assert former_homes.take_over(tmp_path, []) == [b, a]
    (b / "20251126T140509-0a1b2c3d").rmdir()
    assert former_homes.take_over(tmp_path, []) == [a]
    assert former_homes.read(tmp_path, []) == [a]


def test_one_that_is_away_is_not_forgotten(tmp_path: Path, homes: list[Path]) -> None:
    a, b = homes
    former_homes.take_over(tmp_path, [a])
    a.rename(tmp_path / "not mounted")
    for _ in range(2):
        assert former_homes.take_over(tmp_path, [b]) == [a]


def test_a_full_disk_holds_nothing_up(
    tmp_path: Path, homes: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = homes
    former_homes.take_over(tmp_path, [a])

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(former_homes, "replace_file", full)
    assert former_homes.take_over(tmp_path, [b]) == [a]
    assert former_homes.read(tmp_path, []) == [a]
