"""Posting a room request to a far side: ``POST {server}/api/v1/room/{token}``."""

from collections.abc import Mapping
from typing import Any, TypeGuard

import httpx

LONGEST_S = 10.0
"""No connection or answer is waited for any longer, whatever the caller's own limit."""


MAX_URL_CHARS = 500
_WEB_SCHEMES = {"ws": "http", "wss": "https"}


def web_url(url: str) -> str:
    """Return the address of a configured server: ws as http, wss as https, no slash at the end."""
    scheme, mark, rest = url.partition("://")
    scheme = scheme.lower() if mark else scheme
    return f"{_WEB_SCHEMES.get(scheme, scheme)}{mark}{rest}".rstrip("/")


def is_web_url(value: Any) -> TypeGuard[str]:
    """Tell whether a configured *value* is the address of a server, of http, https, ws or wss."""
    if not isinstance(value, str) or len(value) > MAX_URL_CHARS:
        return False
    try:
        url = httpx.URL(web_url(value))
    except httpx.InvalidURL:
        return False
    return url.scheme in ("http", "https") and bool(url.host) and not url.query and not url.fragment


def verifies_tls(value: Any) -> bool:
    """Tell what a configured ``verify`` means: left out it counts as false."""
    return value not in (None, False, 0, "", "0", "false")


class RoomRequests:
    """Posts bodies as they are. Redirects are not followed: they could carry the signature elsewhere."""

    def __init__(self) -> None:
        self._clients = {
            verify: httpx.AsyncClient(verify=verify, follow_redirects=False, timeout=LONGEST_S)
            for verify in (True, False)
        }

    async def aclose(self) -> None:
        """Close all connections."""
        for client in self._clients.values():
            await client.aclose()

    async def post(
        self, url: str, token: str, body: bytes, headers: Mapping[str, str], *, verify_tls: bool
    ) -> int:
        """Post *body* about the room *token* and return the status of the answer.

        Raises:
            httpx.HTTPError: no answer came.
        """
        url = f"{url}/api/v1/room/{token}"
        headers = {"Content-Type": "application/json", **headers}
        # Only the status counts, so the body of the answer is never read.
        async with self._clients[verify_tls].stream("POST", url, content=body, headers=headers) as answer:
            return answer.status_code
