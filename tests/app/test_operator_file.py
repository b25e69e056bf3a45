"""``operator.json``: made once, kept, for its owner alone."""

import errno
import os
import stat
from pathlib import Path

import pytest

from callrec.app import operator_file
from callrec.errors import SettingsError

URL = "http://127.0.0.1:8000"


def test_a_token_is_made_once_and_kept(tmp_path: Path) -> None:
    token = operator_file.prepare(tmp_path, URL, None)
    assert operator_file.prepare(tmp_path, "http://127.0.0.1:8001", None) == token
    file = tmp_path / operator_file.FILE_NAME
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    said = operator_file.read(tmp_path)
    assert said is not None and (said.url, said.token) == ("http://127.0.0.1:8001", token)
    assert token not in repr(said)


def test_one_of_the_settings_is_not_written(tmp_path: Path) -> None:
    assert operator_file.prepare(tmp_path, URL, "a token of the settings") == "a token of the settings"
    said = operator_file.read(tmp_path)
    assert said is not None and said.token is None


@pytest.mark.parametrize("content", ["", "{", "[]"])
def test_a_damaged_file_is_named_and_put_aside(tmp_path: Path, content: str) -> None:
    assert operator_file.read(tmp_path) is None
    file = tmp_path / operator_file.FILE_NAME
    file.write_text(content)
    with pytest.raises(SettingsError, match=r"operator\.json"):
        operator_file.read(tmp_path)
    token = operator_file.prepare(tmp_path, URL, None)
    said = operator_file.read(tmp_path)
    assert said is not None and said.token == token
    (aside,) = tmp_path.glob("operator.json.damaged-*")
    assert aside.read_text() == content


def test_a_directory_in_its_place_is_put_aside(tmp_path: Path) -> None:
    (tmp_path / operator_file.FILE_NAME).mkdir()
    token = operator_file.prepare(tmp_path, URL, None)
    said = operator_file.read(tmp_path)
    assert said is not None and said.token == token


def test_only_what_has_changed_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    token = operator_file.prepare(tmp_path, URL, None)
    before = (tmp_path / operator_file.FILE_NAME).stat()

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert operator_file.prepare(tmp_path, URL, None) == token
    # What cannot be written does not keep the recorder down.
    assert operator_file.prepare(tmp_path, "http://127.0.0.1:8001", None) == token
    after = (tmp_path / operator_file.FILE_NAME).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert [file.name for file in tmp_path.iterdir()] == [operator_file.FILE_NAME]
