"""The checksum that signs every request between the halves (docs/wire.md, Checksums).

HMAC-SHA256 in lower-case hex, keyed with the shared secret, over a random string followed by a message:
the raw body, the room token, or nothing, depending on the endpoint.
"""

import hmac
import secrets

MIN_RANDOM_BYTES = 32


def new_random() -> str:
    """Return 64 random characters, the length Talk itself sends."""
    return secrets.token_hex(32)


def checksum(secret: str, random: str, message: bytes) -> str:
    """Return the checksum of *message* under *secret* and *random*."""
    return hmac.new(secret.encode(), random.encode() + message, "sha256").hexdigest()


def verify(secret: str, random: str | None, given: str | None, message: bytes) -> bool:
    """Tell in constant time whether *given* signs *message*.

    False as well when the secret is empty, the random is missing or shorter than 32 bytes, or the
    checksum is missing. Upper-case hex is accepted.
    """
    if not secret or not random or not given or len(random.encode()) < MIN_RANDOM_BYTES:
        return False
    return hmac.compare_digest(checksum(secret, random, message).encode(), given.lower().encode())


SIGNALING_RANDOM = "Spreed-Signaling-Random"
SIGNALING_CHECKSUM = "Spreed-Signaling-Checksum"
SIGNALING_BACKEND = "Spreed-Signaling-Backend"
RECORDING_RANDOM = "Talk-Recording-Random"
RECORDING_CHECKSUM = "Talk-Recording-Checksum"
RECORDING_BACKEND = "Talk-Recording-Backend"


def signed_headers(secret: str, message: bytes) -> dict[str, str]:
    """Return the two ``Talk-Recording-*`` headers that sign *message* with a fresh random."""
    random = new_random()
    return {RECORDING_RANDOM: random, RECORDING_CHECKSUM: checksum(secret, random, message)}


def signaling_headers(secret: str, message: bytes) -> dict[str, str]:
    """Return the two ``Spreed-Signaling-*`` headers that sign *message* with a fresh random."""
    random = new_random()
    return {SIGNALING_RANDOM: random, SIGNALING_CHECKSUM: checksum(secret, random, message)}
