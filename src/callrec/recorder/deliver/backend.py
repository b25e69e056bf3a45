"""The recorder's requests to a conversation server (docs/wire.md, Recording requests, Store)."""

from pathlib import Path
from typing import Any, Protocol

import httpx

from callrec.errors import BackendAway, BackendRefused
from callrec.settings import BackendSettings
from callrec.wire.checksum import signed_headers
from callrec.wire.recording import Report, encode_report

API = "/ocs/v2.php/apps/spreed/api/v1/recording"
RETRYABLE = frozenset({408, 429})
REPORT_TIMEOUT_S = 10.0
UPLOAD_IDLE_TIMEOUT_S = 120.0
"""Longest pause in an upload, the backend's final work included."""


class BackendClient:
    """Talks to one backend. Requests are signed; redirects are not followed."""

    def __init__(self, settings: BackendSettings) -> None:
        self._settings = settings
        self._base = (settings.connect_url or settings.url) + API
        self._client = httpx.AsyncClient(
            timeout=REPORT_TIMEOUT_S, follow_redirects=False, verify=not settings.skip_verify
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    def _headers(self, message: bytes) -> dict[str, str]:
        return {
            **signed_headers(self._settings.secret.get_secret_value(), message),
            "OCS-APIRequest": "true",
            "Accept": "application/json",
        }

    async def report(self, report: Report) -> None:
        """Send started, stopped or failed.

        Raises:
            BackendAway: the outcome is unknown or temporary: send it again.
            BackendRefused: the backend understood and does not want it.
        """
        body = encode_report(report)
        headers = {**self._headers(body), "Content-Type": "application/json"}
        await self._send("report", self._base + "/backend", headers=headers, content=body)

    async def store(self, token: str, owner: str, path: Path, file_name: str) -> None:
        """Upload the film, streamed from *path*; returns when the backend has it.

        The file name is the idempotency key: it must be the same at every attempt.

        Raises:
            BackendAway: the outcome is unknown or temporary: send it again.
            BackendRefused: the backend understood and does not take it.
        """
        with path.open("rb") as file:
            await self._send(
                "store",
                f"{self._base}/{token}/store",
                headers=self._headers(token.encode()),
                data={"owner": owner},
                files={"file": (file_name, file, "application/octet-stream")},
                timeout=httpx.Timeout(UPLOAD_IDLE_TIMEOUT_S, connect=REPORT_TIMEOUT_S),
            )

    async def _send(self, what: str, url: str, **request: Any) -> None:
        try:
            answer = await self._client.post(url, **request)
        except httpx.HTTPError as error:
            raise BackendAway(f"{what}: {type(error).__name__}") from error
        status = answer.status_code
        if status in RETRYABLE or (status != 200 and not 400 <= status < 500):
            raise BackendAway(f"{what}: HTTP {status}", status)
        if status != 200:
            raise BackendRefused(f"{what}: HTTP {status} {_error_word(answer)}".rstrip(), status)
        # A proxy's friendly 200 page is no acknowledgement.
        if _meta_status(answer) != 200:
            raise BackendAway(f"{what}: HTTP 200 without an OCS envelope that says 200", status)


class ClientsByUrl(Protocol):
    """Knows the client of each backend."""

    def get(self, url: str, /) -> BackendClient | None:
        """Return the client of the backend at *url*, None where that is no backend of ours."""
        ...


def _json(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except (ValueError, RecursionError):
        return None


def _meta_status(answer: httpx.Response) -> Any:
    try:
        return _json(answer)["ocs"]["meta"]["statuscode"]
    except (KeyError, TypeError):
        return None


def _error_word(answer: httpx.Response) -> str:
    try:
        error = _json(answer)["ocs"]["data"]["error"]
        return str(error["code"] if isinstance(error, dict) else error)[:80]
    except (KeyError, TypeError):
        return ""
