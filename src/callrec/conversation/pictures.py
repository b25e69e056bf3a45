"""Pictures that are drawn, not kept: the icon of notifications, and that of a room. Pure, SVG."""

import hashlib

from callrec.wire.constants import RoomType

SIZE_PX = 64
COLOURS = ("#0b6e99", "#7a4fb5", "#a0522d", "#2f7d4f", "#b03a5b", "#4a5fc1", "#8a6d00", "#3c7a89")
"""Each carries white with a contrast of at least 4.5."""

_PERSON = '<circle cx="32" cy="24" r="9"/><path d="M14 50c2-11 9-15 18-15s16 4 18 15z"/>'
_PEOPLE = (
    '<circle cx="23" cy="25" r="7"/><path d="M9 47c1-9 7-12 14-12s13 3 14 12z"/>'
    '<circle cx="42" cy="23" r="7"/><path d="M39 47c0-6-2-10-5-12 2-2 5-2 8-2 7 0 12 4 13 14z"/>'
)
_LINK = (
    '<g fill="none" stroke="#fff" stroke-width="5" stroke-linecap="round">'
    '<path d="M28 36l8-8"/><path d="M24 30l-5 5a7 7 0 0 0 10 10l5-5"/>'
    '<path d="M30 24l5-5a7 7 0 0 1 10 10l-5 5"/></g>'
)
_SIGNS = {RoomType.PUBLIC: _LINK, RoomType.GROUP: _PEOPLE}


def notification_icon(colour: str) -> str:
    """Return the icon of a recording: a ring with a dot, in *colour*."""
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" width="16" height="16" viewBox="0 0 16 16">'
        f'<circle cx="8" cy="8" r="6" fill="none" stroke="{colour}" stroke-width="2"/>'
        f'<circle cx="8" cy="8" r="3" fill="{colour}"/></svg>'
    )


def room_picture(token: str, kind: RoomType, *, dark: bool = False) -> str:
    """Return the picture of a room: what kind it is, on a colour of its own; darker on *dark* pages."""
    colour = COLOURS[hashlib.sha256(token.encode()).digest()[0] % len(COLOURS)]
    shade = '<rect width="64" height="64" fill="#000" fill-opacity=".35"/>' if dark else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{SIZE_PX}" height="{SIZE_PX}" viewBox="0 0 64 64">'
        f'<rect width="64" height="64" fill="{colour}"/>{shade}'
        f'<g fill="#fff">{_SIGNS.get(kind, _PERSON)}</g></svg>'
    )
