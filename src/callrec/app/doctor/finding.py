"""What an examination finds."""

from dataclasses import dataclass
from enum import Enum


class Verdict(Enum):
    """How bad it is: only ``FAILED`` makes the command fail."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: what is so, and what to do about it."""

    check: str
    verdict: Verdict
    text: str
    remedy: str = ""


def ok(check: str, text: str) -> Finding:
    """Return a finding that needs nothing."""
    return Finding(check, Verdict.OK, text)


def warning(check: str, text: str, remedy: str) -> Finding:
    """Return a finding to look at."""
    return Finding(check, Verdict.WARNING, text, remedy)


def failed(check: str, text: str, remedy: str) -> Finding:
    """Return a finding that must be mended."""
    return Finding(check, Verdict.FAILED, text, remedy)
