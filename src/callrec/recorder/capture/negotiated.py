"""What was agreed on for each section of a session description."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from callrec.recorder.folder.track import PayloadType


@dataclass(frozen=True)
class NegotiatedMedia:
    """One accepted audio or video section: what its packets will look like."""

    mid: str
    kind: str
    payload_types: dict[int, PayloadType]
    extensions: dict[int, str]


def agreed_media(mid: str, kind: str, codecs: Iterable[Any], extensions: Iterable[Any]) -> NegotiatedMedia:
    """Return what aiortc's codecs and header extensions of a section say."""
    payload_types: dict[int, PayloadType] = {}
    for codec in codecs:
        if codec.payloadType is None:
            continue
        apt = codec.parameters.get("apt")
        payload_types[codec.payloadType] = PayloadType(
            codec=codec.name.lower(),
            clock_rate_hz=codec.clockRate,
            channels=codec.channels or 1,
            fmtp={k: "" if v is None else str(v) for k, v in codec.parameters.items() if k != "apt"},
            apt=int(apt) if apt is not None else None,
        )
    return NegotiatedMedia(mid, kind, payload_types, {e.id: e.uri for e in extensions})
