"""Folders added up, and processors watched by what the kernel says."""

from pathlib import Path

import pytest

from callrec import clock
from callrec.recorder.folder.paths import FolderPaths
from callrec.recorder.lifecycle.measure import PROC_STAT, CpuLoad, measure


def test_a_folder_is_added_up_with_what_of_it_is_composed(tmp_path: Path) -> None:
    paths = FolderPaths(tmp_path / "recording")
    assert measure(paths, "film.mp4", 25).folder_bytes == 0
    paths.create()
    paths.track(1).mkdir()
    paths.segment(1, 0).write_bytes(b"x" * 1000)
    film, other = paths.chunks / "1.0-640x360-auto-00000000", paths.chunks / "1.0-320x180-auto-11111111"
    film.mkdir()
    (film / "000000-320.mkv").write_bytes(b"x" * 300)
    (film / "000001-320.mkv").write_bytes(b"x" * 200)
    (film / "000001-10.mkv").write_bytes(b"x" * 10)
    (film / ".000002-320.mkv.77.tmp").write_bytes(b"x" * 5)
    other.mkdir()
    (other / "000000-320.mkv").write_bytes(b"x" * 10)
    (paths.root / "link").symlink_to("/")
    size = measure(paths, "film.mp4", 25)
    assert size.folder_bytes == 1525 + len("/")
    assert (size.composed_bytes, size.composed_s) == (525, 25.6)


class Kernel:
    """A clock and a /proc/stat that tests set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s = 100.0
        self.ticks = dict.fromkeys(("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"), 0)
        monkeypatch.setattr(clock, "monotonic_ns", lambda: int(self.now_s * 1e9))

    def read(self) -> str:
        return "cpu  " + " ".join(map(str, self.ticks.values())) + " 7 7\ncpu0 1 2 3\n"

    def second(self, **ticks: int) -> None:
        self.now_s += 1
        for name, more in ticks.items():
            self.ticks[name] += more


def test_load_is_the_busy_share_without_niced_work(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = Kernel(monkeypatch)
    load = CpuLoad(kernel.read)
    assert load.percent is None
    load.sample()
    assert load.percent is None
    kernel.second(user=20, system=5, softirq=5, nice=100, idle=60, iowait=10)
    load.sample()
    assert load.percent == pytest.approx(15)


def test_load_is_that_of_the_last_ten_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = Kernel(monkeypatch)
    load = CpuLoad(kernel.read)
    for busy in [100] * 20 + [0] * 10:
        load.sample()
        kernel.second(user=busy, idle=100 - busy)
    load.sample()
    assert load.percent == 0
    kernel.second(user=100)
    load.sample()
    assert load.percent == pytest.approx(10)


@pytest.mark.parametrize("text", ["", "cpu 1 2\n", "intr 1 2 3 4 5 6 7 8\n", "cpu a b c d e f g h\n"])
def test_where_the_kernel_says_nothing_load_is_not_known(text: str) -> None:
    load = CpuLoad(lambda: text)
    load.sample()
    load.sample()
    assert load.percent is None


@pytest.mark.skipif(not PROC_STAT.exists(), reason="not Linux")
def test_this_machine_has_a_load() -> None:
    load = CpuLoad()
    load.sample()
    while load.percent is None:  # until a tick has passed
        load.sample()
    assert 0 <= load.percent <= 100
