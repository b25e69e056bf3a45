"""Secrets that a data directory makes for itself once."""

import json
import stat
from pathlib import Path

import pytest

from callrec.app import secrets_file
from callrec.errors import SettingsError


def test_they_are_made_once_and_kept(tmp_path: Path) -> None:
    data = tmp_path / "new" / "data"
    first = secrets_file.load_or_create(data)
    assert secrets_file.load_or_create(data) == first
    assert {p.name for p in data.iterdir()} == {secrets_file.FILE_NAME}
    assert min(len(first.recording), len(first.signaling_internal)) >= 32
    assert len(first.admin_password) >= 12
    assert len({first.recording, first.signaling_internal, first.admin_password}) == 3
    assert secrets_file.load_or_create(tmp_path / "other") != first


def test_only_the_owner_can_read_them(tmp_path: Path) -> None:
    data = tmp_path / "data"
    secrets_file.load_or_create(data)
    assert stat.S_IMODE((data / secrets_file.FILE_NAME).stat().st_mode) == 0o600
    assert stat.S_IMODE(data.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"\xff", b'{"recording":"\xff"}', b'{"recording":"x"}', b'{"recording":7}']
)
def test_a_damaged_file_is_named_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / secrets_file.FILE_NAME
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=secrets_file.FILE_NAME):
        secrets_file.load_or_create(tmp_path)
    assert path.read_bytes() == content


def test_a_data_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for data in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(SettingsError, match=f"data directory {data}"):
            secrets_file.load_or_create(data)


def test_a_crash_while_they_are_written_leaves_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        with pytest.raises(SettingsError, match="No space left"):
            secrets_file.load_or_create(tmp_path)
    assert not (tmp_path / secrets_file.FILE_NAME).exists()
    made = secrets_file.load_or_create(tmp_path)
    assert json.loads((tmp_path / secrets_file.FILE_NAME).read_text())["recording"] == made.recording


def test_they_are_not_in_their_repr(tmp_path: Path) -> None:
    made = secrets_file.load_or_create(tmp_path)
    assert made.recording not in f"{made!r}{made}" and made.admin_password not in f"{made!r}{made}"
