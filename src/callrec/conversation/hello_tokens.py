"""Tokens of the signaling hello 2.0: JWTs signed with ES256 (docs/wire.md, Tickets; RFC 7519, RFC 7518)."""

import base64
import binascii
import secrets
from typing import Any

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from callrec.clock import wall_s
from callrec.wire.signaling import SignalingRefusal

LIFETIME_S = 60
BACKDATED_S = 5
"""Old signaling servers allow no difference of clocks."""
LEEWAY_S = 60
COORDINATE_BYTES = 32
_HASH = ec.ECDSA(hashes.SHA256())
_HEADER = {"typ": "JWT", "alg": "ES256"}


def new_private_key() -> str:
    """Return a fresh P-256 key as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


class HelloTokens:
    """Issues and checks tokens of the conversation server at *public_url*."""

    def __init__(self, public_url: str) -> None:
        self._issuer = f"{public_url.rstrip('/')}/"
        self._key = ec.generate_private_key(ec.SECP256R1())

    def use_key(self, private_key: str) -> None:
        """Take the PEM key that all server processes share."""
        key = serialization.load_pem_private_key(private_key.encode(), None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise TypeError("the key of hello tokens must be one of an elliptic curve")
        self._key = key

    @property
    def public_key(self) -> str:
        """The key with which a signaling server checks the tokens, as PEM."""
        return (
            self._key.public_key()
            .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
            .decode()
        )

    def issue(self, user_id: str | None, display_name: str = "", guest_mark: str = "") -> str:
        """Return a fresh token for a user, or for the guest with this mark."""
        now_s = int(wall_s())
        claims: dict[str, Any] = {
            "iss": self._issuer,
            "iat": now_s - BACKDATED_S,
            "exp": now_s + LIFETIME_S,
            "jti": secrets.token_hex(8),
        }
        if user_id is not None:
            claims |= {"sub": user_id, "userdata": {"displayname": display_name}}
        elif guest_mark:
            claims["guest"] = guest_mark
        signed = f"{_encoded(msgspec.json.encode(_HEADER))}.{_encoded(msgspec.json.encode(claims))}"
        r, s = decode_dss_signature(self._key.sign(signed.encode(), _HASH))
        signature = r.to_bytes(COORDINATE_BYTES, "big") + s.to_bytes(COORDINATE_BYTES, "big")
        return f"{signed}.{_encoded(signature)}"

    def check(self, token: str) -> tuple[str, str]:
        """Return the user id of a token and the mark of a guest; one of them is empty.

        Raises:
            SignalingRefusal: ``invalid_token``, ``token_not_valid_yet`` or ``token_expired``.
        """
        claims = self._verified(token)
        now_s = wall_s()
        if claims.iat is None or claims.iat > now_s + LEEWAY_S:
            raise SignalingRefusal("token_not_valid_yet", "the token's iat is missing or lies ahead")
        if claims.exp is None or claims.exp < now_s - LEEWAY_S:
            raise SignalingRefusal("token_expired", "the token's exp is missing or over")
        return claims.sub, "" if claims.sub else claims.guest

    def _verified(self, token: str) -> "_Claims":
        signed, _, encoded = token.rpartition(".")
        try:
            header, claims = (_decoded(part) for part in signed.split("."))
            signature = _decoded(encoded)
            if msgspec.json.decode(header, type=_Header).alg != _HEADER["alg"]:
                raise SignalingRefusal("invalid_token", "the token must be signed with ES256")
            r, s = (int.from_bytes(half, "big") for half in _halves(signature))
            self._key.public_key().verify(encode_dss_signature(r, s), signed.encode(), _HASH)
            return msgspec.json.decode(claims, type=_Claims)
        except (ValueError, binascii.Error, msgspec.DecodeError, InvalidSignature) as error:
            raise SignalingRefusal("invalid_token", "the token is not one of ours") from error


class _Header(msgspec.Struct):
    alg: str


class _Claims(msgspec.Struct):
    iat: float | None = None
    exp: float | None = None
    sub: str = ""
    guest: str = ""


def _halves(signature: bytes) -> tuple[bytes, bytes]:
    if len(signature) != 2 * COORDINATE_BYTES:
        raise ValueError("an ES256 signature has 64 bytes")
    return signature[:COORDINATE_BYTES], signature[COORDINATE_BYTES:]


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return base64.b64decode(f"{text}{'=' * (-len(text) % 4)}", altchars=b"-_", validate=True)
