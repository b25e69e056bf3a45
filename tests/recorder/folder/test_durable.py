"""A crash at any step of a replacement leaves the old or the new content."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from callrec.recorder.folder import durable

OLD, NEW = b"old" * 1000, b"new content" * 1000


class Crash(BaseException):
    """The process dies here. No handler may stop it."""


class Steps:
    """Counts the calls that touch the disk, and dies before or after the chosen one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.done: list[str] = []
        self.die_at: int | None = None
        self.after = False
        for owner, name in ((os, "fsync"), (os, "open"), (Path, "open"), (Path, "replace")):
            monkeypatch.setattr(owner, name, self._step(name, getattr(owner, name)))

    def _step(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def step(*args: Any, **kwargs: Any) -> Any:
            number = len(self.done)
            self.done.append(name)
            if number == self.die_at and not self.after:
                raise Crash
            result = real(*args, **kwargs)
            if number == self.die_at:
                if hasattr(result, "close"):
                    result.close()
                raise Crash
            return result

        return step


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Iterator[Steps]:
    with monkeypatch.context() as patch:
        yield Steps(patch)


def test_the_order_is_write_sync_rename_sync(steps: Steps, tmp_path: Path) -> None:
    steps.done.clear()
    durable.replace_file(tmp_path / "file", NEW)
    assert steps.done == ["open", "fsync", "replace", "open", "fsync"]


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("die_at", range(5))
def test_a_crash_at_any_step_leaves_old_or_new(
    steps: Steps, tmp_path: Path, die_at: int, after: bool
) -> None:
    path = tmp_path / "file"
    path.write_bytes(OLD)
    steps.done.clear()
    steps.die_at, steps.after = die_at, after
    with pytest.raises(Crash):
        durable.replace_file(path, NEW)
    steps.die_at = None
    renamed = (die_at, after) >= (2, True)
    assert path.read_bytes() == (NEW if renamed else OLD)
    durable.replace_file(path, NEW)  # and the next attempt is not disturbed by what was left
    assert path.read_bytes() == NEW


def test_the_temporary_file_is_not_taken_for_content(tmp_path: Path) -> None:
    (tmp_path / "track.json").write_bytes(OLD)
    with pytest.raises(FileNotFoundError):
        durable.replace_file(tmp_path / "missing" / "file", NEW)
    durable.replace_file(tmp_path / "track.json", NEW)
    assert [p.name for p in tmp_path.iterdir()] == ["track.json"]


def test_a_reader_that_has_the_old_file_open_keeps_it_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(OLD)
    with path.open("rb") as reader:
        begin = reader.read(10)
        durable.replace_file(path, NEW)
        assert begin + reader.read() == OLD
