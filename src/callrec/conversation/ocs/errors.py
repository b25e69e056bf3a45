"""Refusals of the OCS API (docs/wire.md, OCS envelope)."""

from collections.abc import Mapping
from typing import Any

NOT_LOGGED_IN = 997
"""The ``statuscode`` of requests without credentials, or with wrong ones: with it v1.php is HTTP 401 too."""


class OcsError(Exception):
    """The request is refused with HTTP *status* and *data* in the envelope.

    ``code`` is the ``statuscode`` of the envelope where it differs from the HTTP status.
    """

    def __init__(
        self,
        status: int,
        data: Any = None,
        *,
        message: str = "",
        code: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{status} {message or data}")
        self.status = status
        self.data = data
        self.message = message
        self.code = code if code is not None else status
        self.headers = dict(headers or {})


def refusal(key: str, status: int = 400) -> OcsError:
    """Return the error ``{"error": key}``, the form of a controller's own refusals."""
    return OcsError(status, {"error": key})


def guard_refusal(status: int) -> OcsError:
    """Return the error of a guard: data is an empty list."""
    return OcsError(status, [])


def not_logged_in() -> OcsError:
    """Return the 401 for a request without credentials."""
    return OcsError(401, [], message="Current user is not logged in", code=NOT_LOGGED_IN)


def too_many_attempts(retry_after_s: int) -> OcsError:
    """Return the 429 of the brute-force protection."""
    return OcsError(429, [], message="Reached maximum delay", headers={"Retry-After": str(retry_after_s)})
