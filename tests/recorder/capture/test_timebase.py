"""The recording's time line, within one boot and over a reboot."""

import msgspec
import pytest

from callrec import clock
from callrec.recorder.capture.timebase import TimeBase, new_anchor
from callrec.recorder.folder.manifest import Anchor
from callrec.recorder.folder.timeline import Event


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


def test_a_later_process_of_the_new_boot_keeps_the_base(time: dict[str, float]) -> None:
    anchor = msgspec.structs.replace(new_anchor(), boot_id="an-earlier-boot")
    time["wall_s"] += 90
    time["monotonic_s"] = 5.0
    first = TimeBase(anchor, [Event(40_000, "heartbeat")])
    assert first.moved and first.now_ms() == 90_000
    told = Event(90_000, "anchor", boot_id="this-boot", monotonic_ns=first.at_ns(90_000))
    time["wall_s"] += 1000  # the network's time came late
    time["monotonic_s"] += 2
    second = TimeBase(anchor, [told])
    assert not second.moved and second.now_ms() == first.now_ms() == 92_000
    elsewhere = msgspec.structs.replace(told, boot_id="an-earlier-boot")
    assert TimeBase(anchor, [elsewhere]).moved


def test_time_never_falls_behind_what_was_written(time: dict[str, float]) -> None:
    anchor = msgspec.structs.replace(new_anchor(), boot_id="an-earlier-boot")
    time["wall_s"] -= 90
    assert TimeBase(anchor, [Event(40_000, "heartbeat"), Event(30_000, "heartbeat")]).now_ms() == 40_000


def test_within_one_boot_the_timeline_is_not_asked(time: dict[str, float]) -> None:
    told = Event(90_000, "anchor", boot_id="this-boot", monotonic_ns=1)
    base = TimeBase(new_anchor(), [told])
    assert base.now_ms() == 0 and not base.moved


def test_a_wall_clock_that_jumps_by_years_stays_within_what_a_record_can_say(time: dict[str, float]) -> None:
    anchor = msgspec.structs.replace(new_anchor(), boot_id="an-earlier-boot")
    time["wall_s"] += 1e9
    assert TimeBase(anchor).now_ms() == 0xFFFF_FFFF
