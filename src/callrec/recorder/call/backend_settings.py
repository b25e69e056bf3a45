"""Asks the backend how to reach signaling, STUN and TURN (docs/wire.md, Signaling settings)."""

from dataclasses import dataclass
from typing import Any

import httpx
import structlog
from aiortc import RTCIceServer
from aiortc.rtcicetransport import parse_stun_turn_uri

from callrec.errors import BackendAway, BackendRefused
from callrec.recorder.call.order import CaptureOrder
from callrec.wire import ocs
from callrec.wire.checksum import signed_headers

MAX_ANSWER_BYTES = 1 << 20

log = structlog.get_logger()


@dataclass(frozen=True)
class CallSettings:
    """Where to say hello, and how to find a path through networks."""

    signaling_url: str
    """Base URL of the signaling server, as the backend names it."""
    ice_servers: list[RTCIceServer]


async def fetch_settings(order: CaptureOrder) -> CallSettings:
    """Ask the backend, as a recording server does: the checksum is over the empty string.

    Raises:
        BackendAway: no connection, time-out, a server error, or not the backend's own word: try again.
        BackendRefused: wrong secret, no such room (404), or no signaling server of its own.
    """
    url = f"{order.connect_url}/ocs/v2.php/apps/spreed/api/v3/signaling/settings"
    headers = {
        **signed_headers(order.backend_secret, b""),
        "OCS-APIRequest": "true",
        "Accept": "application/json",
    }
    try:
        async with _client(order) as client:
            answer = await client.get(url, params={"token": order.token}, headers=headers)
    except httpx.HTTPError as error:
        raise BackendAway(f"signaling settings: {type(error).__name__}") from error
    status, body = answer.status_code, _decoded(answer)
    code = ocs.statuscode(body)
    if ocs.refuses(status, code):
        raise BackendRefused(f"signaling settings: HTTP {status}", status)
    if (status, code) != (200, 200):
        said = "no OCS envelope" if code is None else f"statuscode {code}"
        raise BackendAway(f"signaling settings: HTTP {status}, {said}", status)
    try:
        data = body["ocs"]["data"]
        server = data["server"]
        if not isinstance(server, str) or not server:
            raise ValueError("server is empty: the backend has no signaling server")
        return CallSettings(server.rstrip("/"), _ice_servers(data))
    except (ValueError, KeyError, TypeError) as error:
        raise BackendRefused(f"signaling settings: {error}") from error


async def encrypts_end_to_end(order: CaptureOrder) -> bool:
    """Tell whether the backend's calls are end-to-end encrypted: what they carry is noise to a recorder.

    Asked of the backend, not taken from a message in the call, which any participant could send.
    An answer that does not say so counts as no.

    Raises:
        BackendAway: no connection or time-out: try again.
    """
    url = f"{order.connect_url}/ocs/v2.php/cloud/capabilities"
    headers = {"OCS-APIRequest": "true", "Accept": "application/json"}
    try:
        async with _client(order) as client:
            answer = await client.get(url, headers=headers)
    except httpx.HTTPError as error:
        raise BackendAway(f"capabilities: {type(error).__name__}") from error
    try:
        call = answer.json()["ocs"]["data"]["capabilities"]["spreed"]["config"]["call"]
        return call["end-to-end-encryption"] is True
    except (ValueError, KeyError, TypeError, RecursionError):
        return False


def _decoded(answer: httpx.Response) -> Any:
    """Return the JSON of an answer, None where there is none."""
    if len(answer.content) > MAX_ANSWER_BYTES:
        return None
    try:
        return answer.json()
    except (ValueError, RecursionError):
        return None


def _client(order: CaptureOrder) -> httpx.AsyncClient:
    return httpx.AsyncClient(timeout=10, follow_redirects=False, verify=not order.skip_verify)


def _ice_servers(data: dict[str, Any]) -> list[RTCIceServer]:
    stun = [RTCIceServer(urls=_usable(s["urls"])) for s in data.get("stunservers") or []]
    turn = [
        RTCIceServer(urls=_usable(s["urls"]), username=s.get("username"), credential=s.get("credential"))
        for s in data.get("turnservers") or []
    ]
    return stun + turn


def _usable(urls: str | list[str]) -> list[str]:
    """Return the addresses that parse: one that does not would make every connection fail."""
    usable = []
    for url in [urls] if isinstance(urls, str) else urls:
        try:
            parse_stun_turn_uri(url)
        except (ValueError, AttributeError):
            log.warning("call_ice_server_ignored", url=str(url))
            continue
        usable.append(url)
    return usable
