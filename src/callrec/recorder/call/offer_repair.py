"""Makes offers answerable that aiortc would refuse as a whole for the sake of one media section. Pure.

A section may be rejected (port 0, and then without ICE credentials), or hold only codecs that we cannot keep.
It becomes an inactive one with a codec that we know and the credentials of a living section, so that the
others flow: an answer needs all sections of its offer (RFC 3264 section 6). In the answer it is rejected.
"""

import re
from collections.abc import Mapping, Set

_CREDENTIALS = ("a=ice-ufrag:", "a=ice-pwd:", "a=fingerprint:", "a=setup:")
_STAND_IN = {"video": ("96", "VP8/90000"), "audio": ("111", "opus/48000/2")}
_CODEC = re.compile(r"a=rtpmap:\d+ ([^/]+)/")
_MEDIA = re.compile(r"m=(\w+) (\d+) (\S+) ")
_MID = "a=mid:"
_BUNDLE = "a=group:BUNDLE"
_BUNDLE_ONLY = "a=bundle-only"
"""Such a section has port 0, too, and is none the less alive (RFC 8843 section 6)."""


def rejecting_dead_sections(answer: str, offer: str, known: Mapping[str, Set[str]]) -> str:
    """Return the *answer* to a repaired *offer* as one to the offer as it was.

    Browsers refuse an answer whose bundle holds more than the offered one.
    """
    session, *sections = _parts(answer)
    dead = [_is_dead(section, known) for section in _parts(offer)[1:]]
    if not any(dead):
        return answer
    mids = []
    for index, is_dead in enumerate(dead[: len(sections)]):
        if is_dead:
            mids.append(_mid_of(sections[index], index))
            sections[index] = _MEDIA.sub(r"m=\1 0 \3 ", sections[index], count=1)
    lines = session.split("\n")
    for number, line in enumerate(lines):
        if line.startswith(_BUNDLE):
            lines[number] = " ".join(word for word in line.split(" ") if word not in mids)
    return ("\n".join(lines) + "".join(sections)).replace("\n", "\r\n")


def without_dead_sections(sdp: str, known: Mapping[str, Set[str]]) -> str:
    """Return *sdp* with its dead sections made inactive; *known*: codec names in lower case per kind."""
    session, *sections = _parts(sdp)
    dead = [_is_dead(section, known) for section in sections]
    living = next((s for s, is_dead in zip(sections, dead, strict=True) if not is_dead), None)
    if living is None or not any(dead):
        return sdp
    # Where a living section has none of its own, those of the session hold for it and for all.
    credentials = [line for line in living.split("\n") if line.startswith(_CREDENTIALS)]
    mids = [_mid_of(section, index) for index, section in enumerate(sections)]
    for index, section in enumerate(sections):
        if dead[index]:
            sections[index] = _inactive(section, [_MID + mids[index], *credentials])
    text = _bundled(session, mids, dead) + "".join(sections)
    return text.replace("\n", "\r\n")


def _parts(sdp: str) -> list[str]:
    """Return the session part and the media sections."""
    return re.split(r"(?m)^(?=m=)", sdp.replace("\r\n", "\n"))


def _mid_of(section: str, index: int) -> str:
    mids = (line.removeprefix(_MID) for line in section.split("\n") if line.startswith(_MID))
    return next(mids, f"dead{index}")


def _is_dead(section: str, known: Mapping[str, Set[str]]) -> bool:
    head = _MEDIA.match(section)
    if head is None or head[1] not in _STAND_IN:
        return False
    codecs = {name.lower() for name in _CODEC.findall(section)}
    rejected = head[2] == "0" and _BUNDLE_ONLY not in section.split("\n")
    return rejected or not codecs & known[head[1]]


def _inactive(section: str, lines: list[str]) -> str:
    head = _MEDIA.match(section)
    assert head is not None
    kind, protocol = head[1], head[3]
    payload_type, codec = _STAND_IN[kind]
    body = [
        f"m={kind} 9 {protocol} {payload_type}",
        "c=IN IP4 0.0.0.0",
        "a=inactive",
        "a=rtcp-mux",
        f"a=rtpmap:{payload_type} {codec}",
        *lines,
    ]
    return "\n".join(body) + "\n"


def _bundled(session: str, mids: list[str], dead: list[bool]) -> str:
    """Return the session part with the dead among *mids* in its bundle: beside it they would need a path.

    In the order of the sections: the first one's transport carries all, and it may have been stopped.
    """
    lines = session.split("\n")
    for number, line in enumerate(lines):
        if line.startswith(_BUNDLE):
            bundled = {*line.split(" ")[1:]}
            together = [mid for mid, is_dead in zip(mids, dead, strict=True) if is_dead or mid in bundled]
            lines[number] = " ".join([_BUNDLE, *together])
    return "\n".join(lines)
