"""Beginnings of Ogg files, by hand."""

THEORA, VORBIS = b"\x80theora\x03\x02", b"\x01vorbis" + bytes(23)


def page(body: bytes, flags: int = 2) -> bytes:
    """Return an Ogg page (RFC 3533, section 6) with one segment."""
    return b"OggS\0" + bytes([flags]) + bytes(20) + bytes([1, len(body)]) + body
