"""Makes offers answerable that aiortc would refuse as a whole for the sake of one media section. Pure.

A section may be rejected (port 0, and then without ICE credentials), or hold only codecs that we cannot keep.
It becomes an inactive one with a codec that we know and the credentials of a living section, so that the
others flow: an answer needs all sections of its offer (RFC 3264 section 6).
"""

import re
from collections.abc import Mapping, Set

_CREDENTIALS = ("a=ice-ufrag:", "a=ice-pwd:", "a=fingerprint:", "a=setup:")
_STAND_IN = {"video": ("96", "VP8/90000"), "audio": ("111", "opus/48000/2")}
_CODEC = re.compile(r"a=rtpmap:\d+ ([^/]+)/")
_MEDIA = re.compile(r"m=(\w+) (\d+) (\S+) ")
_MID = "a=mid:"


def without_dead_sections(sdp: str, known: Mapping[str, Set[str]]) -> str:
    """Return *sdp* with its dead sections made inactive; *known*: codec names in lower case per kind."""
    session, *sections = re.split(r"(?m)^(?=m=)", sdp.replace("\r\n", "\n"))
    dead = [_is_dead(section, known) for section in sections]
    living = next((s for s, is_dead in zip(sections, dead, strict=True) if not is_dead), None)
    if living is None or not any(dead):
        return sdp
    # Where a living section has none of its own, those of the session hold for it and for all.
    credentials = [line for line in living.split("\n") if line.startswith(_CREDENTIALS)]
    mids = []
    for index, section in enumerate(sections):
        if dead[index]:
            mid = next((line for line in section.split("\n") if line.startswith(_MID)), f"{_MID}dead{index}")
            mids.append(mid.removeprefix(_MID))
            sections[index] = _inactive(section, [mid, *credentials])
    text = _bundled(session, mids) + "".join(sections)
    return text.replace("\n", "\r\n")


def _is_dead(section: str, known: Mapping[str, Set[str]]) -> bool:
    head = _MEDIA.match(section)
    if head is None or head[1] not in _STAND_IN:
        return False
    codecs = {name.lower() for name in _CODEC.findall(section)}
    return head[2] == "0" or not codecs & known[head[1]]


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


def _bundled(session: str, mids: list[str]) -> str:
    """Return the session part with *mids* in its bundle: a section beside it would need a path of its own."""
    lines = session.split("\n")
    for number, line in enumerate(lines):
        if line.startswith("a=group:BUNDLE"):
            missing = [mid for mid in mids if mid not in line.split()]
            lines[number] = " ".join([line, *missing])
    return "\n".join(lines)
