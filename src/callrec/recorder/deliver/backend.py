"""The recorder's signed requests to a conversation server (docs/wire.md, Recording requests, Store)."""

import json
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import httpx

from callrec import clock
from callrec.errors import BackendAway, BackendError, BackendRefused, NeverTaken
from callrec.recorder.deliver.answer_limit import answer_within
from callrec.recorder.deliver.answers import AT_LINK, Answer, Request, Verdict, read_answer, verdict
from callrec.recorder.deliver.begun import Link
from callrec.recorder.deliver.errand import Errand
from callrec.recorder.deliver.hold import HeldFile, Hold, always, check
from callrec.settings import BackendSettings
from callrec.wire.checksum import signed_headers
from callrec.wire.recording import Report, encode_report

API = "/ocs/v2.php/apps/spreed/api/v1/recording"
REPORT_TIMEOUT_S = 10.0
"""Longest pause; and longest time from the end of the request to the end of the answer."""
UPLOAD_IDLE_TIMEOUT_S = 120.0
"""Longest pause in an upload, the backend's final work included."""
UPLOAD_ANSWER_TIMEOUT_S = 300.0
"""… from the end of what was uploaded to the end of the answer."""
UPLOAD_TIMEOUT = httpx.Timeout(UPLOAD_IDLE_TIMEOUT_S, connect=REPORT_TIMEOUT_S)
MAX_ANSWER_BYTES = 1 << 20


class Detour(BackendError):
    """It did not work this way; ``verdict`` says which other one to take: directly, anew, or smaller."""

    def __init__(self, message: str, verdict: Verdict, status: int) -> None:
        super().__init__(message, status)
        self.verdict = verdict


class BackendClient:
    """Talks to one backend. Requests are signed; redirects are not followed.

    All methods raise
        BackendAway: the outcome is unknown or temporary: send it again.
        BackendRefused: the backend understood and does not want it.
        NeverTaken: … and never will.
        Detour: there is another way.
        HoldLost: *hold* was lost before all was sent.
    """

    def __init__(self, settings: BackendSettings, chunk_bytes: int = 10 << 20) -> None:
        """*chunk_bytes*: so much of a film is sent in one request."""
        self.chunk_bytes = chunk_bytes
        self._settings = settings
        self._base = settings.connect_url or settings.url
        self._client = httpx.AsyncClient(
            timeout=REPORT_TIMEOUT_S, follow_redirects=False, verify=not settings.skip_verify
        )

    @property
    def public_dav(self) -> str:
        """Where upload links live."""
        return f"{self._base}/public.php/dav"

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def report(self, report: Report) -> None:
        """Send started, stopped or failed."""
        body = encode_report(report)
        await self._signed(
            "report", "/backend", body, content=body, headers={"Content-Type": "application/json"}
        )

    async def store(self, token: str, owner: str, path: Path, file_name: str, errand: Errand) -> None:
        """Upload the film in one request, streamed from *path*; returns when the backend has it.

        The file name is the idempotency key: it must be the same at every attempt.
        """
        with HeldFile(path, errand.hold) as file, errand.asking(file):
            await self._signed(
                "store",
                f"/{token}/store",
                token.encode(),
                data={"owner": owner},
                files={"file": (file_name, file, "application/octet-stream")},
                timeout=UPLOAD_TIMEOUT,
                hold=errand.hold,
            )

    async def request_upload(self, token: str, owner: str, file_name: str, hold: Hold = always) -> Link:
        """Ask for a link to upload *file_name* by."""
        said = await self._signed(
            "request-upload",
            f"/{token}/request-upload",
            token.encode(),
            json={"owner": owner, "fileName": file_name},
            hold=hold,
        )
        try:
            data = said["ocs"]["data"]
            link = Link(data["token"], data["password"], data["fileName"])
        except (KeyError, TypeError):
            link = Link("", "", "")
        if not all(isinstance(part, str) and part for part in link) or not link.token.isalnum():
            raise BackendAway("request-upload: no link in the answer")
        return link

    async def finish(
        self, token: str, owner: str, file_name: str, times_name: str | None, hold: Hold = always
    ) -> None:
        """Make a recording of what was uploaded by a link; *times_name*: the speaking times beside it."""
        message = {"owner": owner, "fileName": file_name}
        if times_name is not None:
            message["intervalsFileName"] = times_name
        await self._signed(
            "finish", f"/{token}/store", token.encode(), json=message, timeout=UPLOAD_TIMEOUT, hold=hold
        )

    async def at_link(self, request: Request, method: str, url: str, **options: Any) -> httpx.Headers:
        """Send a WebDAV request to an upload link; *options* as httpx has them.

        Returns the headers of the answer.
        """
        return (await self._send(request, method, url, timeout=UPLOAD_TIMEOUT, **options))[1]

    async def _signed(
        self,
        request: Request,
        path: str,
        message: bytes,
        *,
        headers: dict[str, str] | None = None,
        **options: Any,
    ) -> Any:
        """Send a POST signed over *message*; return the decoded answer."""
        signed = {
            **signed_headers(self._settings.secret.get_secret_value(), message),
            "OCS-APIRequest": "true",
            "Accept": "application/json",
            **(headers or {}),
        }
        return (await self._send(request, "POST", self._base + API + path, headers=signed, **options))[0]

    async def _send(
        self, request: Request, method: str, url: str, *, hold: Hold = always, **options: Any
    ) -> tuple[Any, httpx.Headers]:
        """Send it; return the decoded body and the headers of the answer."""
        limit_s = UPLOAD_ANSWER_TIMEOUT_S if "timeout" in options else REPORT_TIMEOUT_S
        try:
            async with (
                answer_within(limit_s, partial(check, hold)) as extensions,
                self._client.stream(method, url, extensions=extensions, **options) as response,
            ):
                body = _decoded(await _read(response))
                retry_after = response.headers.get("Retry-After")
                answer = read_answer(response.status_code, body, retry_after, clock.wall_s())
        except httpx.HTTPError as error:
            raise BackendAway(f"{request}: {type(error).__name__}") from error
        except TimeoutError as error:
            raise BackendAway(f"{request}: no whole answer within {limit_s:.0f} s") from error
        came_to = verdict(request, answer)
        if came_to != "done":
            raise _error(request, answer, came_to)
        return body, response.headers


class ClientsByUrl(Protocol):
    """Knows the client of each backend."""

    def get(self, url: str, /) -> BackendClient | None:
        """Return the client of the backend at *url*, None where that is no backend of ours."""
        ...


def _error(request: Request, answer: Answer, came_to: Verdict) -> BackendError:
    text = f"{request}: HTTP {answer.status} {answer.word}".rstrip()
    if answer.status == 200:
        text = f"{request}: HTTP 200 without an OCS envelope that says 200"
    elif came_to == "later" and request not in AT_LINK and 400 <= answer.status < 500:
        code = answer.ocs_status
        text += ", no OCS envelope" if code is None else f", statuscode {code}"
    match came_to:
        case "later" | "done":
            return BackendAway(text, answer.status, retry_after_s=answer.retry_after_s)
        case "refused":
            return BackendRefused(text, answer.status, word=answer.word)
        case "never":
            return NeverTaken(text, answer.status)
        case _:
            return Detour(text, came_to, answer.status)


async def _read(response: httpx.Response) -> bytes:
    """Return the body; nothing of one that no backend would send."""
    body = bytearray()
    async for piece in response.aiter_bytes():
        body += piece
        if len(body) > MAX_ANSWER_BYTES:
            return b""
    return bytes(body)


def _decoded(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
