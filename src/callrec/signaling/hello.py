"""Who may open a session: the checks of a hello that need no conversation server. Pure."""

from callrec.signaling.config import SignalingConfig
from callrec.signaling.messages import Auth, Hello, ProtocolError, parse_internal_params
from callrec.wire.checksum import verify
from callrec.wire.constants import CallFlag

VERSION = "1.0"
WITH_TOKEN = "2.0"  # noqa: S105 - a version
"""The version in which a client shows a token instead of a ticket."""

SAYS_IN_CALL = "internal-incall"
"""Feature of an internal client that says itself whether it is in the call."""

UNTOLD_IN_CALL = CallFlag.IN_CALL | CallFlag.WITH_AUDIO
"""In-call flags of an internal client without that feature."""


def check_version(hello: Hello) -> None:
    """Refuse versions that are not served.

    Raises:
        ProtocolError: ``invalid_hello_version``.
    """
    if hello.version not in (VERSION, WITH_TOKEN):
        raise ProtocolError("invalid_hello_version", f"hello.version: must be {VERSION} or {WITH_TOKEN}")


def token_of(auth: Auth) -> str:
    """Return the token of a hello 2.0.

    Raises:
        ProtocolError: ``invalid_format``.
    """
    token = auth.params.get("token")
    if not isinstance(token, str) or not token:
        raise ProtocolError("invalid_format", "hello.auth.params.token: missing")
    return token


def check_client(auth: Auth, config: SignalingConfig) -> None:
    """Check that a client names our backend.

    Raises:
        ProtocolError: ``invalid_format`` or ``invalid_backend``.
    """
    if not auth.url:
        raise ProtocolError("invalid_format", "hello.auth.url: missing")
    ours = normal_url(config.backend_url)
    url = normal_url(auth.url)
    if url != ours and not url.startswith(f"{ours}/"):
        raise ProtocolError(
            "invalid_backend", "hello.auth.url: is not below the URL of this server's backend"
        )


def check_internal(auth: Auth, config: SignalingConfig) -> None:
    """Check the signature of an internal client.

    Raises:
        ProtocolError: ``invalid_client_type`` (no secret is set here), ``invalid_format``, ``invalid_token``
            or ``invalid_backend``.
    """
    if not config.internal_secret:
        raise ProtocolError("invalid_client_type", "hello.auth.type: internal clients are not allowed here")
    params = parse_internal_params(auth.params)
    if not params.backend:
        raise ProtocolError("invalid_format", "hello.auth.params.backend: missing")
    if not verify(config.internal_secret, params.random, params.token, b""):
        raise ProtocolError("invalid_token", "hello.auth.params.token: does not sign the random")
    if normal_url(params.backend) != normal_url(config.backend_url):
        raise ProtocolError("invalid_backend", "hello.auth.params.backend: is not this server's backend")


def internal_in_call(features: tuple[str, ...]) -> int:
    """Return the in-call flags with which an internal client begins."""
    return 0 if SAYS_IN_CALL in features else int(UNTOLD_IN_CALL)


def normal_url(url: str) -> str:
    """Return *url* as it is compared: no slash at the end, ws as http, wss as https."""
    for websocket, http in (("ws://", "http://"), ("wss://", "https://")):
        if url.startswith(websocket):
            url = http + url.removeprefix(websocket)
    return url.rstrip("/")
