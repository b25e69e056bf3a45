"""Whether an offer changes a connection that is there, or begins a new one. Pure.

Who changes what he sends may offer again on the same connection: its earlier sections stay where they were,
over the same transport (RFC 8829 section 5.2.2). Other credentials are a restart of ICE, which aiortc cannot
follow, and a section with another name has taken the place of a stopped one: both get a new connection.
"""

import re
from typing import NamedTuple


class _Section(NamedTuple):
    kind: str
    mid: str
    credentials: tuple[str, ...]
    """Of its transport; empty where the section is rejected."""


def is_renegotiation(before: str, offer: str) -> bool:
    """Tell whether *offer* may be applied to the connection whose last remote description is *before*."""
    then, now = _sections(before), _sections(offer)
    if not then or len(now) < len(then):
        return False
    same_places = all(a[:2] == b[:2] for a, b in zip(then, now, strict=False))
    living = ((a, b) for a, b in zip(then, now, strict=False) if a.credentials and b.credentials)
    # The first one's transport carries all; those behind it may not have known that in the offer before.
    first, same_first = next(living, (None, None))
    return same_places and first is not None and first == same_first


def _sections(sdp: str) -> list[_Section]:
    session, *sections = re.split(r"(?m)^(?=m=)", sdp.replace("\r\n", "\n"))
    return [
        _Section(section[2:].split(" ", 1)[0], _value(section, "mid"), _credentials(section, session))
        for section in sections
    ]


def _credentials(section: str, session: str) -> tuple[str, ...]:
    names = ("ice-ufrag", "ice-pwd", "fingerprint")
    found = tuple(_value(section, name) or _value(session, name) for name in names)
    return found if all(found) else ()


def _value(lines: str, name: str) -> str:
    found = re.search(rf"(?m)^a={name}:(.*)$", lines)
    return found[1] if found else ""
