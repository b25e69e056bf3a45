"""Asking a recording server whether it is there, for administrators (docs/wire.md, Recording API)."""

import asyncio
import ssl
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import msgspec

from callrec.conversation.recording_servers import RecordingServer

TIMEOUT_S = 10.0
"""For the whole answer, so that one that trickles in ends as well."""
MAX_BODY_BYTES = 64 * 1024
MAX_CLOCK_DIFFERENCE_S = 45
# Not compressed: a small answer cannot become a large one.
_HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity"}
_SIGNALING_FEATURES = "x-spreed-signaling-features"
_CERTIFICATE_EXPIRED = 10  # X509_V_ERR_CERT_HAS_EXPIRED of OpenSSL


class NotWelcome(Exception):
    """The server is not well, or is no recording server. ``word`` is what the API says."""

    def __init__(self, word: str, cause: str) -> None:
        super().__init__(cause)
        self.word = word


async def ask_welcome(server: RecordingServer | None) -> dict[str, Any]:
    """Return what *server* (None: it has no address) answers to ``GET /api/v1/welcome``: its version.

    Raises:
        NotWelcome: it does not answer as a recording server should.
    """
    if server is None:
        raise NotWelcome("CAN_NOT_CONNECT", "its address is none of http or https")
    url = f"{server.url}/api/v1/welcome"
    try:
        async with (
            asyncio.timeout(TIMEOUT_S),
            httpx.AsyncClient(verify=server.verify_tls, timeout=TIMEOUT_S) as client,
            client.stream("GET", url, headers=_HEADERS) as answer,
        ):
            _check_headers(answer)
            body = b""
            async for data in answer.aiter_raw():
                body += data
                if len(body) > MAX_BODY_BYTES:
                    raise NotWelcome("JSON_INVALID", "the answer is too long")
    except (httpx.HTTPError, TimeoutError) as error:
        word = "CERTIFICATE_EXPIRED" if _expired(error) else "CAN_NOT_CONNECT"
        raise NotWelcome(word, str(error) or type(error).__name__) from error
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NotWelcome("JSON_INVALID", str(error)) from error


def _check_headers(answer: httpx.Response) -> None:
    if _SIGNALING_FEATURES in answer.headers:
        raise NotWelcome("IS_SIGNALING_SERVER", "this is a signaling server")
    if answer.status_code != 200:
        raise NotWelcome(str(answer.status_code), f"answered {answer.status_code}")
    date = answer.headers.get("date")
    if date is None:
        return
    try:
        difference_s = abs((datetime.now(UTC) - parsedate_to_datetime(date)).total_seconds())
    except (ValueError, TypeError):  # no date, or none with a zone
        return
    if difference_s > MAX_CLOCK_DIFFERENCE_S:
        raise NotWelcome("TIME_OUT_OF_SYNC", f"the clocks differ by {difference_s:.0f} s")


def _expired(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError) and error.verify_code == _CERTIFICATE_EXPIRED:
            return True
        error = error.__cause__ or error.__context__
    return False
