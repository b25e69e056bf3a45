"""Names of files as strangers send them, made safe; names that are still free.

They name things for people only: on disk a file is called by an id of ours.
"""

import unicodedata
from collections.abc import Container

from callrec.conversation.media_type import of_recording

MAX_NAME_BYTES = 255
NAMELESS = "Recording"
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Marks that turn the direction of text, and so hide an extension."""
_UNREADABLE = "\ufffd"
"""What bytes that are no UTF-8 became on the way: several names would be one."""


def clean_name(name: str) -> str | None:
    """Return the base name of *name*, normalised (NFC), without control characters, at most 255 bytes long.

    None when nothing is left, or only dots. A name that is too long loses the end of its stem.
    """
    base = name.replace("\\", "/").rpartition("/")[2]
    base = unicodedata.normalize("NFC", "".join(c for c in base if _harmless(c))).strip()
    if not base.strip("."):
        return None
    return with_suffix(base, "")


def recording_name(name: str) -> str | None:
    """Return :func:`clean_name` of a recording; one that is an extension only is called ``Recording``.

    So ``.ogg`` becomes ``Recording.ogg``: it would be a hidden file.
    """
    clean = clean_name(name)
    if clean is None or of_recording(clean) is None:
        return clean
    stem, _, extension = clean.rpartition(".")
    return clean if stem.strip(". ") else f"{NAMELESS}.{extension}"


def numbered_name(name: str, taken: Container[str]) -> str:
    """Return *name*, or where that is taken ``stem (2).ext``, ``stem (3).ext`` …"""
    candidate, number = name, 1
    while candidate in taken:
        number += 1
        candidate = with_suffix(name, f" ({number})")
    return candidate


def with_suffix(name: str, suffix: str) -> str:
    """Return *name* with *suffix* before its extension, the stem shortened where it is too long."""
    stem, dot, extension = name.rpartition(".")
    if not stem:
        stem, dot, extension = name, "", ""
    tail = f"{suffix}{dot}{extension}"
    room = MAX_NAME_BYTES - len(tail.encode())
    if room < 1:  # the extension alone is too long: it is none
        stem, tail = name, suffix
        room = MAX_NAME_BYTES - len(tail.encode())
    if len(stem.encode()) > room:
        stem = stem.encode()[:room].decode(errors="ignore").rstrip()
    return stem + tail


def _harmless(char: str) -> bool:
    if char == _UNREADABLE or ord(char) & 0xFFFE == 0xFFFE:  # never characters; XML cannot hold them
        return False
    return unicodedata.category(char) not in ("Cc", "Cs", "Zl", "Zp") and char not in _BIDI
