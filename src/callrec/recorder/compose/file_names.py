"""File names made of what people call themselves: safe on any system, and unique. Pure."""

import unicodedata
from collections.abc import Iterable

_UNSAFE = set('<>:"/\\|?*')
_MAX_BYTES = 120  # of 255, with room for what is added
_DEVICES = {"con", "prn", "aux", "nul", *(f"{kind}{n}" for kind in ("com", "lpt") for n in range(1, 10))}


def safe_name(text: str, instead: str) -> str:
    """Return *text* as the beginning of a file name; *instead* where nothing is left of it."""
    plain = "".join(
        c if c.isprintable() and c not in _UNSAFE else " " for c in unicodedata.normalize("NFC", text)
    )
    name = " ".join(plain.split()).encode()[:_MAX_BYTES].decode(errors="ignore").strip(" .")
    if not name:
        return instead
    return f"_{name}" if name.partition(".")[0].lower() in _DEVICES else name


def unique_names(people: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return a name for each key of (key, name): safe, and different from all others whatever their case."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    for key, text in people:
        base = name = safe_name(text, "Guest")
        number = 2
        while _folded(name) in taken:
            name, number = f"{base} ({number})", number + 1
        taken.add(_folded(name))
        names[key] = name
    return names


def _folded(name: str) -> str:
    """Return what names that a file system may take for the same have in common."""
    return unicodedata.normalize("NFKD", name.casefold())
