"""How a recorder stands depends on the disks on which recordings would lie, not on its data directory."""

from pathlib import Path

from callrec.recorder.lifecycle.limits import Limits
from callrec.recorder.lifecycle.measure import CpuLoad
from callrec.recorder.pool.standing import Standing
from tests.recorder.lifecycle.test_watch import World


def test_it_takes_none_when_one_of_its_homes_takes_none(tmp_path: Path) -> None:
    world = World(tmp_path, Limits(None, None, 1 << 30, None, None))
    full, roomy = tmp_path / "full", tmp_path / "roomy"
    for home in (full, roomy):
        home.mkdir()
    free_bytes = {full: 1 << 20, roomy: 1 << 40}
    world.watch._free_bytes = lambda home: free_bytes.get(home, 1 << 40)

    def refusal(*homes: Path) -> str | None:
        cpu = CpuLoad(lambda: "")
        return Standing("r1", world.recordings, world.watch, cpu, homes, 1, None)().refusal

    assert refusal(roomy) is None
    assert refusal(roomy, full) == "disk_low"
    world.away = [roomy]
    assert refusal(roomy) == "home_away"
    assert refusal(tmp_path / "gone") == "disk_failed"
