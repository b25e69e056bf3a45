"""Examining recording servers as the conversation server sees them: are they there, do secrets agree."""

import secrets

import httpx

from callrec.app.doctor import far
from callrec.app.doctor.finding import Finding, failed, ok, warning
from callrec.wire.checksum import RECORDING_BACKEND, signed_headers
from callrec.wire.recording import Stop, encode_request

MAX_DRIFT_S = 45.0
"""Talk's own check refuses a recording server whose clock is further off."""

_NO_RECORDER = "Run `callrec serve`, or set the app config `recording_servers` (docs/settings.md)."


async def examine(servers: list[tuple[str, bool]], secret: str, public_url: str) -> list[Finding]:
    """Examine *servers* (URL, verify TLS), which share *secret* with the server at *public_url*."""
    if not servers:
        return [warning("recording server", "none is configured: calls cannot be recorded", _NO_RECORDER)]
    findings = []
    for url, verify_tls in servers:
        async with far.client(verify_tls=verify_tls) as http:
            findings += await _examine_one(http, url, secret, public_url)
    return findings


async def _examine_one(http: httpx.AsyncClient, url: str, secret: str, public_url: str) -> list[Finding]:
    check = "recording server"
    answer = await far.welcome(http, check, url)
    if isinstance(answer, Finding):
        return [answer]
    if answer.features is not None:
        return [failed(check, f"{url} is a signaling server", "Set the recording server's own URL.")]
    version = answer.body.get("version")
    if not isinstance(version, str):
        return [failed(check, f"{url} names no version", "Something else listens there: correct the URL.")]
    findings = [ok(check, f"{url} answers, version {version}")]
    if answer.drift_s is not None and abs(answer.drift_s) > MAX_DRIFT_S:
        text = f"the clock of {url} differs by {answer.drift_s:+.0f} s"
        findings.append(warning("recording server clock", text, "Let both machines keep time by NTP."))
    findings.append(await _examine_secret(http, url, secret, public_url))
    findings.append(await _examine_refusal(http, url, public_url))
    return findings


async def _examine_secret(http: httpx.AsyncClient, url: str, secret: str, public_url: str) -> Finding:
    """A stop of a room that does not exist is refused only after the signature was found good."""
    check = "recording secret"
    if not secret:
        return failed(check, "no secret is shared with it", "Set `secret` in `recording_servers`.")
    status = await _stop_nothing(http, url, secret, public_url)
    if status == 404:
        return ok(check, f"{url} takes our signed requests")
    if status == 403:
        return failed(
            check,
            f"{url} refuses our signed requests",
            f"Give it the backend {public_url} with the same secret: both URL and secret must be equal.",
        )
    return failed(
        check,
        f"{url} answers {status} to a stop of a room that does not exist, not 404",
        "Look at its log; a proxy between may change bodies or drop the Talk-Recording headers.",
    )


async def _examine_refusal(http: httpx.AsyncClient, url: str, public_url: str) -> Finding:
    check = "recording server's door"
    status = await _stop_nothing(http, url, secrets.token_hex(32), public_url)
    if status == 403:
        return ok(check, f"{url} refuses a wrong secret")
    return failed(
        check,
        f"{url} answers {status} to a request with a wrong secret, not 403",
        "Whoever reaches it may record: close it off and look at its settings.",
    )


async def _stop_nothing(http: httpx.AsyncClient, url: str, secret: str, public_url: str) -> int | str:
    body = encode_request(Stop())
    headers = {
        "Content-Type": "application/json",
        RECORDING_BACKEND: f"{public_url}/",
        **signed_headers(secret, body),
    }
    token = secrets.token_hex(15)  # as long as room tokens can be: none of ours is
    try:
        answer = await http.post(f"{url}/api/v1/room/{token}", content=body, headers=headers)
    except httpx.HTTPError as error:
        return f"nothing ({type(error).__name__})"
    return answer.status_code
