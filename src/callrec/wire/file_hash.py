"""Hashes of files in the headers of WebDAV uploads (docs/wire.md, Files)."""

from collections.abc import Mapping

CHECKSUM = "OC-Checksum"
"""Of the request: hashes of the whole file, as ``SHA256:<hex>``, several apart by spaces."""
HASH_WANTED = "X-Hash"
"""Of the request: which hash of its body the answer should have."""
SHA256 = "sha256"
HASH_SHA256 = "X-Hash-SHA256"
"""Of the answer: the hash of what arrived, in hex."""

_HEX = frozenset("0123456789abcdef")
_PREFIX = "SHA256:"


def checksum(sha256: str) -> str:
    """Return what ``OC-Checksum`` says of a file with the hash *sha256* (hex)."""
    return _PREFIX + sha256


def checksum_sha256(headers: Mapping[str, str]) -> str | None:
    """Return the SHA-256 that ``OC-Checksum`` in *headers* tells, in lower-case hex; None: it tells none."""
    for part in headers.get(CHECKSUM, "").split():
        if part[: len(_PREFIX)].upper() == _PREFIX:
            return part[len(_PREFIX) :].lower()
    return None


def arrived_sha256(headers: Mapping[str, str]) -> str | None:
    """Return the SHA-256 that an answer with *headers* tells of the body; None: it tells none."""
    told = headers.get(HASH_SHA256, "").strip().lower()
    return told if len(told) == 64 and _HEX.issuperset(told) else None
