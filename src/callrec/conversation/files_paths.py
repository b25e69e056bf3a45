"""Paths as requests name them: made safe or refused, and where a ``Destination`` points."""

import unicodedata
from collections.abc import Container
from urllib.parse import unquote, urlsplit

from callrec.conversation.files_names import clean_name

MAX_PATH_CHARS = 4000


def clean_path(raw: str) -> str | None:
    """Return the path of a home that *raw* (percent-decoded) means, without slashes at its ends.

    Doubled slashes mean nothing, names are normalised (NFC). None when a name is hostile (dots only, control
    characters, separators, blanks at an end) or too long: nothing can be there.
    """
    parts = [unicodedata.normalize("NFC", part) for part in raw.split("/") if part]
    if any(clean_name(part) != part for part in parts):
        return None
    path = "/".join(parts)
    return path if len(path) <= MAX_PATH_CHARS else None


def destination(header: str, *, base_path: str, hosts: Container[str]) -> str | None:
    """Return the decoded path that a ``Destination`` header (RFC 4918, section 10.3) names.

    *base_path* is the path of the public URL; it is taken away. None for what is on none of *hosts* (lower
    case, with port) or cannot be read.
    """
    try:
        parts = urlsplit(header.strip())
        path = unquote(parts.path, errors="strict")
    except ValueError:
        return None
    if (parts.scheme or parts.netloc) and not (
        parts.scheme in ("http", "https") and parts.netloc.lower() in hosts
    ):
        return None
    if parts.query or parts.fragment or not path.startswith("/"):
        return None
    return path.removeprefix(base_path) if path.startswith(f"{base_path}/") else path


def below(path: str, *folder: str) -> str | None:
    """Return what is left of *path* below the names *folder*; None when it is elsewhere."""
    parts = [part for part in path.split("/") if part]
    if tuple(parts[: len(folder)]) != folder:
        return None
    return "/".join(parts[len(folder) :])


def parent_of(path: str) -> str:
    """Return the path of the folder that holds *path*."""
    return path.rpartition("/")[0]


def name_of(path: str) -> str:
    """Return the last name of *path*."""
    return path.rpartition("/")[2]


def joined(folder: str, name: str) -> str:
    """Return the path of *name* in *folder*."""
    return f"{folder}/{name}" if folder else name


def contains(folder: str, path: str) -> bool:
    """Tell whether *path* lies below *folder*."""
    return path != folder and (not folder or path.startswith(f"{folder}/"))
