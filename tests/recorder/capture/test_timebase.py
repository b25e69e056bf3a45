"""The recording's time line, within one boot and over a reboot."""

import msgspec
import pytest

from callrec import clock
from callrec.recorder.capture.timebase import TimeBase, new_anchor
from callrec.recorder.folder.manifest import Anchor


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    now = {"wall_s": 1_790_000_000.0, "monotonic_s": 1000.0}
    monkeypatch.setattr(clock, "wall_s", lambda: now["wall_s"])
    monkeypatch.setattr(clock, "monotonic_ns", lambda: int(now["monotonic_s"] * 1e9))
    monkeypatch.setattr(clock, "boot_id", lambda: "this-boot")
    return now


def test_it_begins_at_0_and_follows_the_monotonic_clock(time: dict[str, float]) -> None:
    base = TimeBase(new_anchor())
    assert base.now_ms() == 0
    time["monotonic_s"] += 1.2345
    time["wall_s"] -= 3600  # somebody sets the clock
    assert base.now_ms() == 1234
    assert TimeBase(Anchor(0.0, 1_000_000_000_000, "this-boot")).now_ms() == 1234


def test_after_a_reboot_wall_time_sets_the_base_once(time: dict[str, float]) -> None:
    anchor = msgspec.structs.replace(new_anchor(), boot_id="an-earlier-boot")
    time["wall_s"] += 90
    time["monotonic_s"] = 5.0
    base = TimeBase(anchor)
    assert base.now_ms() == 90_000
    time["wall_s"] += 1000
    time["monotonic_s"] += 1
    assert base.now_ms() == 91_000


def test_time_is_never_negative(time: dict[str, float]) -> None:
    anchor = msgspec.structs.replace(new_anchor(), boot_id="an-earlier-boot")
    time["wall_s"] -= 90
    assert TimeBase(anchor).now_ms() == 0
    time["monotonic_s"] -= 1
    assert TimeBase(anchor).now_ms() == 0
