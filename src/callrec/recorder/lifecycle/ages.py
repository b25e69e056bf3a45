"""Which recording came before which. Pure."""

from collections.abc import Iterable, Mapping

from callrec.recorder.folder.manifest import Manifest, RoomKey
from callrec.recorder.lifecycle.states import LIVE


def by_age(known: Mapping[str, Manifest]) -> dict[str, Manifest]:
    """Return *known* oldest first: wall time may have jumped, so it counts only where nothing else does."""
    return dict(sorted(known.items(), key=lambda item: age_key(item[1])))


def age_key(manifest: Manifest) -> tuple[int, float]:
    """Return what is larger the later the recorder has accepted the recording."""
    return manifest.sequence, manifest.anchor.wall_s


def next_sequence(known: Iterable[Manifest]) -> int:
    """Return the number of a recording that comes after all *known*."""
    return 1 + max((m.sequence for m in known), default=0)


def newest_of_rooms(oldest_first: Iterable[Manifest]) -> dict[RoomKey, str]:
    """Return the id of each room's newest recording; one that is live always speaks for its room."""
    found = sorted(oldest_first, key=lambda m: m.state in LIVE)  # stable: by age within each half
    return {(m.backend, m.token): m.recording_id for m in found}


def supersedes(newcomer: Manifest, newest: Manifest | None) -> bool:
    """Tell whether a recording of another recorder is its room's newest beside *newest* of this one.

    Recorders do not count together: between them wall time is all there is.
    """
    if newest is None or (newcomer.state in LIVE) != (newest.state in LIVE):
        return newest is None or newcomer.state in LIVE
    return newest.anchor.wall_s <= newcomer.anchor.wall_s
