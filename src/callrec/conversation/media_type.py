"""Tell what kind of media a file is by its content, never by its name (docs/wire.md, Store).

Ogg (RFC 3533): the first page of every logical stream comes first and names its codec. Matroska and WebM
(RFC 8794, RFC 9559): the EBML header holds the DocType. MP4 (ISO/IEC 14496-12): the box ``ftyp`` comes first.
"""

import mimetypes

HEAD_BYTES = 64 * 1024
"""How much of the beginning of a file :func:`sniff` needs at most."""

EXTENSIONS = {
    "audio/ogg": "ogg",
    "video/ogg": "ogv",
    "video/mp4": "mp4",
    "video/webm": "webm",
    "video/x-matroska": "mkv",
}
"""The types that a recording may have, with the one extension that fits."""

UNKNOWN = "application/octet-stream"
_BY_EXTENSION = {extension: media_type for media_type, extension in EXTENSIONS.items()}
# Without the files of this machine: the same name has the same type everywhere.
_OTHERS = mimetypes.MimeTypes()
_OTHERS.add_type("text/markdown", ".md")

_OGG_VIDEO = (b"\x80theora", b"BBCD\x00", b"OVP80", b"\x01video")
_OGG_AUDIO = (b"OpusHead", b"\x01vorbis", b"\x7fFLAC", b"Speex   ")
_MP4_BRANDS = frozenset(
    {b"isom", b"mp41", b"mp42", b"mp71", b"avc1", b"hvc1", b"av01", b"dash", b"cmfc", b"MSNV", b"M4V "}
    | {b"iso%d" % n for n in range(2, 10)}
)
_EBML = b"\x1a\x45\xdf\xa3"
_EBML_DOCTYPE_ID = 0x4282
_DOCTYPES = {b"webm": "video/webm", b"matroska": "video/x-matroska"}
_OGG_HEADER_BYTES = 27
_BEGIN_OF_STREAM = 2


def sniff(head: bytes) -> str | None:
    """Return the media type of a file that begins with *head*, or None if it is none of ``EXTENSIONS``."""
    if head.startswith(b"OggS"):
        return _sniff_ogg(head)
    if head.startswith(_EBML):
        return _sniff_ebml(head)
    # Boxes: 32 bits of size, four letters, then for ftyp the major brand.
    if head[4:8] == b"ftyp" and head[8:12] in _MP4_BRANDS:
        return "video/mp4"
    return None


def fits(media_type: str, name: str) -> bool:
    """Tell whether the last extension of *name* is the one of *media_type*."""
    _, dot, extension = name.rpartition(".")
    return bool(dot) and EXTENSIONS.get(media_type) == extension.lower()


def of_recording(name: str) -> str | None:
    """Return the media type that the last extension of *name* has among recordings."""
    _, dot, extension = name.rpartition(".")
    return _BY_EXTENSION.get(extension.lower()) if dot else None


def by_name(name: str) -> str:
    """Return the media type that the extension of *name* promises; ``UNKNOWN`` when it promises nothing."""
    return of_recording(name) or _OTHERS.guess_type(f"x/{name}", strict=True)[0] or UNKNOWN


def _sniff_ogg(head: bytes) -> str | None:
    found: str | None = None
    position = 0
    while head[position : position + 4] == b"OggS" and len(head) >= position + _OGG_HEADER_BYTES:
        if not head[position + 5] & _BEGIN_OF_STREAM:
            break
        segments = head[position + 26]
        body = position + _OGG_HEADER_BYTES + segments
        length = sum(head[position + _OGG_HEADER_BYTES : body])
        if head.startswith(_OGG_VIDEO, body):
            return "video/ogg"
        if head.startswith(_OGG_AUDIO, body):
            found = "audio/ogg"
        position = body + length
    return found


def _sniff_ebml(head: bytes) -> str | None:
    size, position = _vint(head, len(_EBML), keep_marker=False)
    end = min(len(head), position + size)
    while position < end:
        element, position = _vint(head, position, keep_marker=True)
        size, position = _vint(head, position, keep_marker=False)
        if element == _EBML_DOCTYPE_ID:
            return _DOCTYPES.get(head[position : position + size].rstrip(b"\0"))
        position += size
    return None


def _vint(data: bytes, position: int, *, keep_marker: bool) -> tuple[int, int]:
    """Read a variable-size integer (RFC 8794, section 4): its value and where the next byte is.

    Past the end or without a marker bit it is 0 and the position is the end.
    """
    if position >= len(data) or not data[position]:
        return 0, len(data)
    length = 9 - data[position].bit_length()
    value = int.from_bytes(data[position : position + length], "big")
    if not keep_marker:
        value &= (1 << (7 * length)) - 1
    return value, position + length
