"""Whether this recorder can take recordings, as far as its disks are concerned."""

from collections.abc import Mapping
from pathlib import Path

from callrec.observe import disk
from callrec.recorder.lifecycle.homes import Homes
from callrec.recorder.lifecycle.plans import Plans


def problems(data: Path, plans: Plans, homes: Homes) -> Mapping[str, str]:
    """Return what is in the way, in plain words; empty when nothing is."""
    found = {}
    away = [place for place in plans.homes if homes.is_away(place)]
    if away:
        found["recordings"] = f"the disk of {', '.join(map(str, away))} is not mounted"
    there = [place for place in plans.homes if place not in away]
    low = [disk.low(place) for place in there]
    if plans.own_home not in there:
        low.append(disk.low(data, disk.FLOOR_BYTES))
    if any(low):
        found["disk"] = "; ".join(filter(None, low))
    return found
