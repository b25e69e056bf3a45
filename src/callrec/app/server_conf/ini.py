"""Reads the INI file; its errors name file, section and key, and never show a value: some are secrets."""

import re
from collections.abc import Callable, Iterator
from configparser import ConfigParser, InterpolationError, MissingSectionHeaderError, ParsingError
from ipaddress import ip_network
from pathlib import Path
from typing import TypeVar

from callrec.errors import SettingsError

MAX_BYTES = 1 << 20

_SECTION = re.compile(r"\[(.+)\]")
_KEY = re.compile(r"([^\s#;:=\[][^:=]*?)\s*[:=]")

T = TypeVar("T")


class Ini:
    """The sections and keys of one file. Keys are lower case; where one is repeated the last counts."""

    def __init__(self, path: Path) -> None:
        """Read the file *path*. Raises SettingsError."""
        self.path = path
        try:
            with path.open("rb") as file:
                text = file.read(MAX_BYTES).decode()
        except OSError as error:
            raise SettingsError(f"{path}: {error.strerror or error}") from error
        except UnicodeDecodeError as error:
            raise SettingsError(f"{path}: not a text in UTF-8") from error
        # With interpolation, as its first reader has it: "%%" is a percent sign.
        self._parser = ConfigParser(strict=False)
        try:
            self._parser.read_string(text)
        except MissingSectionHeaderError as error:
            raise SettingsError(f"{path}, line {error.lineno}: before the first [section]") from None
        except ParsingError as error:
            lines = ", ".join(str(number) for number, _ in error.errors)
            raise SettingsError(f"{path}, line {lines}: neither [section] nor key = value") from None
        self.repeated = list(_repeated(text))
        """Section and key of what is there more than once."""

    @property
    def sections(self) -> list[str]:
        """The names of all sections."""
        return self._parser.sections()

    def keys(self, section: str) -> list[str]:
        """Return the keys of *section*, none where there is no such section."""
        return list(self._parser[section]) if self._parser.has_section(section) else []

    def text(self, section: str, key: str) -> str | None:
        """Return a value, None where it is missing or empty. Raises SettingsError."""
        if not self._parser.has_section(section):
            return None
        try:
            value = self._parser.get(section, key, fallback="")
        except InterpolationError:
            raise self.error(section, key, "a percent sign is written %%") from None
        return value.strip() or None

    def value(self, section: str, key: str, convert: Callable[[str], T]) -> T | None:
        """Return a value as *convert* reads it, None where it is missing or empty. Raises SettingsError."""
        text = self.text(section, key)
        if text is None:
            return None
        try:
            return convert(text)
        except ValueError as error:
            raise self.error(section, key, str(error)) from None

    def error(self, section: str, key: str, what: str) -> SettingsError:
        """Return the error that says what is wrong with a value."""
        return SettingsError(f"{self.path}: [{section}] {key}: {what}")


def _repeated(text: str) -> Iterator[tuple[str, str]]:
    seen: set[tuple[str, str]] = set()
    section = ""
    for line in text.splitlines():
        header, pair = _SECTION.match(line), _KEY.match(line)
        if header:
            section = header[1]
        elif pair:
            entry = section, pair[1].lower()
            if entry in seen:
                yield entry
            seen.add(entry)


def words(text: str) -> list[str]:
    """Split at commas."""
    return [word.strip() for word in text.split(",") if word.strip()]


def boolean(text: str) -> bool:
    """Read true or false. Raises ValueError."""
    if text.lower() not in ("true", "false"):
        raise ValueError("must be true or false")
    return text.lower() == "true"


def number(text: str) -> int:
    """Read a whole number. Raises ValueError."""
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise ValueError("must be a whole number")
    return int(text)


def chunk_bytes(text: str) -> int:
    """Read the size of an upload's chunks: never under 5 MiB, as there. Raises ValueError."""
    return max(5 << 20, number(text))


def networks(text: str) -> list[str]:
    """Read addresses and networks. Raises ValueError."""
    found = words(text)
    for word in found:
        try:
            ip_network(word)
        except ValueError:
            raise ValueError(f"{word} is no address and no network (CIDR)") from None
    return found


def listen(text: str) -> tuple[str, int]:
    """Read ``host:port``; an IPv6 address stands in brackets. Raises ValueError."""
    host, colon, port = text.rpartition(":")
    if not colon or not host or (":" in host and not (host.startswith("[") and host.endswith("]"))):
        raise ValueError("must have the form address:port")
    if number(port) > 65535:
        raise ValueError("the port must be at most 65535")
    return host.strip("[]"), number(port)


def log_level(text: str) -> str:
    """Read one of Python's level numbers as the name of ours that shows as much. Raises ValueError."""
    level = number(text)
    names = {10: "debug", 20: "info", 30: "warning"}
    return next((name for limit, name in names.items() if level <= limit), "error")
