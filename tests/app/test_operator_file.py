"""``operator.json``: made once, kept, for its owner alone."""

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


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    assert operator_file.read(tmp_path) is None
    (tmp_path / operator_file.FILE_NAME).write_text("{")
    with pytest.raises(SettingsError, match=r"operator\.json"):
        operator_file.prepare(tmp_path, URL, None)
