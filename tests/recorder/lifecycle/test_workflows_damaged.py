"""A damaged file of the workflows is put aside: the manifests alone tell where recordings stand."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.recorder.lifecycle.working import work_through


def cut(database: Path) -> None:
    os.truncate(database, 8000)


def garble(database: Path) -> None:
    database.write_bytes(os.urandom(20_000))


def garble_within(database: Path) -> None:
    content = bytearray(database.read_bytes())
    content[4096:] = os.urandom(len(content) - 4096)
    database.write_bytes(content)


@pytest.mark.parametrize("damage", [cut, garble, garble_within])
async def test_a_damaged_file_is_put_aside(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    database = tmp_path / "workflows.sqlite"
    await work_through(tmp_path, "one")
    damage(database)
    damaged = database.read_bytes()
    await work_through(tmp_path, "two")
    (aside,) = tmp_path.glob("workflows.sqlite.damaged-*")
    assert aside.read_bytes() == damaged
