"""Asking a far server: what answers, and whether its clock agrees with ours."""

from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from callrec.app.doctor.finding import Finding, failed
from callrec.clock import wall_s

TIMEOUT_S = 10.0
FEATURES_HEADER = "X-Spreed-Signaling-Features"


@dataclass(frozen=True)
class Welcome:
    """A server's answer to ``GET /api/v1/welcome``."""

    body: dict[str, Any]
    features: frozenset[str] | None
    """What a signaling server says it can; None: the answer is not one of a signaling server."""
    drift_s: float | None
    """Its clock minus ours, None when it tells no time."""


def client(*, verify_tls: bool) -> httpx.AsyncClient:
    """Return a client for examinations."""
    return httpx.AsyncClient(verify=verify_tls, follow_redirects=False, timeout=TIMEOUT_S)


async def welcome(http: httpx.AsyncClient, check: str, url: str) -> Welcome | Finding:
    """Ask the server at *url* who it is; a finding when no sensible answer comes."""
    try:
        answer = await http.get(f"{url}/api/v1/welcome")
    except httpx.HTTPError as error:
        return unreachable(check, url, error)
    if answer.status_code != 200:
        return failed(
            check,
            f"{url} answers {answer.status_code} to the welcome request",
            "Something else listens there, or a proxy does not pass the path /api/v1/welcome on.",
        )
    body = json_object(answer)
    if body is None:
        return failed(check, f"{url} does not answer with JSON", "Something else listens there.")
    header = answer.headers.get(FEATURES_HEADER)
    features = None if header is None else frozenset(part.strip() for part in header.split(","))
    return Welcome(body, features, drift_s(answer))


def unreachable(check: str, url: str, error: httpx.HTTPError) -> Finding:
    """Return the finding that *url* cannot be reached because of *error*."""
    reason = str(error) or type(error).__name__
    if isinstance(error, httpx.TimeoutException):
        remedy = f"No answer within {TIMEOUT_S:.0f} s: look at firewalls between here and there."
    elif "CERTIFICATE" in reason.upper():
        remedy = "Its certificate is not good: renew it, or correct the host name in the URL."
    else:
        remedy = "Start it, or correct the URL in the settings."
    return failed(check, f"{url} cannot be reached: {reason}", remedy)


def json_object(answer: httpx.Response) -> dict[str, Any] | None:
    """Return the JSON object in *answer*, None when there is none."""
    try:
        body = answer.json()
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def drift_s(answer: httpx.Response) -> float | None:
    """Return by how much the far clock is ahead of ours, from the ``Date`` header."""
    try:
        return parsedate_to_datetime(answer.headers["Date"]).timestamp() - wall_s()
    except (KeyError, ValueError, TypeError):
        return None
