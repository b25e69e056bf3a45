"""STUN and TURN servers for clients, from app config (docs/wire.md, Signaling settings). Pure."""

import base64
import hmac
import secrets
from typing import Any

import msgspec

TURN_LIFETIME_S = 24 * 3600
"""How long the credentials are good; a longer call asks for new ones when it connects anew."""


def stun_servers(value: str | None) -> list[dict[str, Any]]:
    """Return ``stunservers`` for the config value: a JSON list of ``host:port``."""
    hosts = [host for host in _list(value) if isinstance(host, str) and host]
    return [{"urls": [f"stun:{host}" for host in hosts]}] if hosts else []


def turn_servers(value: str | None, now_s: float) -> list[dict[str, Any]]:
    """Return ``turnservers`` with fresh credentials.

    The config value is a JSON list of ``{"schemes": "turn,turns", "server": "host:port", "secret",
    "protocols": "udp,tcp"}``. Entries without scheme, server or protocol are left out.
    """
    servers = []
    for entry in _list(value):
        if not isinstance(entry, dict):
            continue
        host, secret = entry.get("server"), entry.get("secret")
        urls = [
            f"{scheme}:{host}?transport={protocol}"
            for scheme in _words(entry.get("schemes"), ("turn", "turns"))
            for protocol in _words(entry.get("protocols"), ("udp", "tcp"))
        ]
        if not (isinstance(host, str) and host and isinstance(secret, str) and urls):
            continue
        username = f"{int(now_s) + TURN_LIFETIME_S}:{secrets.token_urlsafe(12)}"
        # The scheme that TURN servers share with their users' servers is defined with SHA-1.
        credential = base64.b64encode(hmac.digest(secret.encode(), username.encode(), "sha1")).decode()
        servers.append({"urls": urls, "username": username, "credential": credential})
    return servers


def _words(value: Any, allowed: tuple[str, ...]) -> list[str]:
    given = [word.strip() for word in value.split(",")] if isinstance(value, str) else []
    return [word for word in given if word in allowed]


def _list(value: str | None) -> list[Any]:
    try:
        parsed = msgspec.json.decode(value or "[]")
    except (msgspec.DecodeError, RecursionError):
        return []
    return parsed if isinstance(parsed, list) else []
