"""Homes of recordings outside the data directory: what lies there is owed, also when its disk is away."""

import errno
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from callrec.errors import SettingsError
from callrec.recorder.folder import home
from callrec.recorder.lifecycle import home_notes
from callrec.recorder.lifecycle.homes import Homes, check_homes

RECORDING = "20251126T140509-0a1b2c3d"


def start(data: Path, *named: Path) -> tuple[list[Path], list[Path]]:
    """Let a recorder start and end; return the homes that were opened, and those that were away."""
    homes = Homes(data, named)
    with homes.opened() as opened:
        return opened, homes.away()


@pytest.fixture
def homes(tmp_path: Path) -> list[Path]:
    made = [tmp_path / name for name in ("a", "b")]
    for place in made:
        (place / RECORDING).mkdir(parents=True)
    return made


def test_one_is_remembered_until_nothing_lies_there(tmp_path: Path, homes: list[Path]) -> None:
    a, b = homes
    assert start(tmp_path, a) == ([a], [])
    assert start(tmp_path, b) == ([b, a], [])
    assert start(tmp_path) == ([b, a], [])
    (b / RECORDING).rmdir()
    assert start(tmp_path) == ([a], [])
    assert [noted.path for noted in home_notes.read(tmp_path)] == [a]


@pytest.mark.parametrize("mount_point", [True, False], ids=["empty mount point", "nothing"])
@pytest.mark.parametrize("is_named", [True, False], ids=["named", "former"])
def test_one_that_is_away_is_known_and_left_alone(
    tmp_path: Path, homes: list[Path], is_named: bool, mount_point: bool
) -> None:
    a, _ = homes
    start(tmp_path, a)
    a.rename(tmp_path / "disk")
    if mount_point:
        a.mkdir()
    named = [a] if is_named else []
    for _ in range(2):
        assert start(tmp_path, *named) == ([], [a])
        assert not (a / home.LOCK_NAME).exists()
    if mount_point:
        a.rmdir()
    (tmp_path / "disk").rename(a)
    assert start(tmp_path, *named) == ([a], [])


def test_another_disk_is_not_taken_for_it(tmp_path: Path, homes: list[Path]) -> None:
    a, b = homes
    start(tmp_path, a, b)
    a.rename(tmp_path / "disk")
    b.rename(a)
    with capture_logs() as logs:
        assert start(tmp_path, a) == ([], [a, b])
    assert [line["error"].partition(":")[0] for line in logs if line["event"] == "recording_home_away"] == [
        "another disk is mounted there",
        "its disk is not mounted",
    ]


def test_it_is_seen_when_one_goes_and_comes(tmp_path: Path, homes: list[Path]) -> None:
    a, b = homes
    start(tmp_path, a, b)
    b.rename(tmp_path / "disk b")
    now = Homes(tmp_path, [a, b])
    with now.opened() as opened:
        assert (opened, now.away(), now.has_unopened) == ([a], [b], True)
        a.rename(tmp_path / "disk a")
        assert now.is_away(a) and now.open_returned() == []
        (tmp_path / "disk a").rename(a)
        (tmp_path / "disk b").rename(b)
        assert now.is_away(b)  # until it is locked, and what lies there is known
        assert now.open_returned() == [b] and not now.has_unopened and now.away() == []
        with pytest.raises(SettingsError, match="another recorder"), home.opened(b):
            raise AssertionError


def test_one_that_was_restored_without_its_hidden_files_is_marked_again(
    tmp_path: Path, homes: list[Path]
) -> None:
    a, _ = homes
    start(tmp_path, a)
    marker = home.read_marker(a)
    (a / home.MARKER_NAME).unlink()
    assert start(tmp_path, a) == ([a], [])
    assert home.read_marker(a) == marker is not None


def test_a_home_of_an_earlier_version_is_marked(tmp_path: Path, homes: list[Path]) -> None:
    a, b = homes
    (tmp_path / "homes").write_text(f"{a}\n{b}\n{tmp_path / 'gone'}\n")
    assert start(tmp_path, a) == ([a, b], [tmp_path / "gone"])
    noted = [(one.path, one.marker) for one in home_notes.read(tmp_path)]
    assert noted == [(a, home.read_marker(a)), (b, home.read_marker(b)), (tmp_path / "gone", "")]


@pytest.mark.parametrize(
    "line", [b"/a\0b", b"/" + b"x/" * 3000, b"/" + b"x" * 256, b"/caf\xe9\0", b"relative", b"\xff\xfe /\0"]
)
def test_a_line_that_is_no_path_is_passed_over(tmp_path: Path, homes: list[Path], line: bytes) -> None:
    a, _ = homes
    start(tmp_path, a)
    note = tmp_path / "homes"
    note.write_bytes(line + b"\n" + note.read_bytes())
    with capture_logs() as logs:
        assert start(tmp_path, a) == ([a], [])
    assert [(one["event"], one["line"]) for one in logs] == [("recording_homes_line_unusable", 1)]


def test_a_note_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "homes").mkdir()
    with pytest.raises(SettingsError, match=f"{tmp_path / 'homes'}: Is a directory"):
        start(tmp_path)


def test_what_cannot_be_used_is_named_before_there_is_a_recorder(tmp_path: Path, homes: list[Path]) -> None:
    own, (a, b) = tmp_path / "recordings", homes
    start(tmp_path, a)
    a.rename(tmp_path / "disk")
    check_homes(tmp_path, own, [a, b])
    assert not own.exists() and not a.exists() and (b / home.LOCK_NAME).exists()
    own.write_text("")
    with pytest.raises(SettingsError, match=f"{own}: not a directory"):
        check_homes(tmp_path, own, [a, b])


def test_a_full_disk_holds_nothing_up(
    tmp_path: Path, homes: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = homes
    start(tmp_path, a)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(home_notes, "replace_file", full)
    monkeypatch.setattr(home, "replace_file", full)
    assert start(tmp_path, b) == ([b, a], [])
    assert [one.path for one in home_notes.read(tmp_path)] == [a]
