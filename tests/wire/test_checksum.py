"""The checksum between the halves."""

import hashlib
import hmac

import pytest

from callrec.wire.checksum import (
    RECORDING_CHECKSUM,
    RECORDING_RANDOM,
    checksum,
    new_random,
    signed_headers,
    verify,
)

SECRET = "a-shared-secret"
RANDOM = "0123456789abcdef0123456789abcdef"  # 32 bytes, as Talk's own tests send
MESSAGE = b'{"type":"stop","stop":[]}'


def test_it_is_hmac_sha256_over_random_and_message() -> None:
    expected = hmac.new(SECRET.encode(), RANDOM.encode() + MESSAGE, hashlib.sha256).hexdigest()
    assert checksum(SECRET, RANDOM, MESSAGE) == expected
    assert expected == expected.lower()


def test_a_right_checksum_is_accepted_in_either_case() -> None:
    given = checksum(SECRET, RANDOM, MESSAGE)
    assert verify(SECRET, RANDOM, given, MESSAGE)
    assert verify(SECRET, RANDOM, given.upper(), MESSAGE)


@pytest.mark.parametrize("message", [b"", b"token1", MESSAGE + b" ", MESSAGE[:-1]])
def test_another_message_is_refused(message: bytes) -> None:
    assert not verify(SECRET, RANDOM, checksum(SECRET, RANDOM, MESSAGE), message)


def test_the_random_is_part_of_what_is_signed() -> None:
    assert not verify(SECRET, new_random(), checksum(SECRET, RANDOM, MESSAGE), MESSAGE)


@pytest.mark.parametrize("length, accepted", [(0, False), (31, False), (32, True), (64, True), (512, True)])
def test_the_random_has_at_least_32_bytes(length: int, accepted: bool) -> None:
    random = "r" * length
    assert verify(SECRET, random, checksum(SECRET, random, MESSAGE), MESSAGE) is accepted


def test_an_empty_secret_signs_nothing() -> None:
    assert not verify("", RANDOM, checksum("", RANDOM, MESSAGE), MESSAGE)


@pytest.mark.parametrize("given", [None, "", "0", "zz", "é" * 64, "0" * 64, "0" * 100_000])
def test_missing_and_foreign_checksums_are_refused(given: str | None) -> None:
    assert not verify(SECRET, RANDOM, given, MESSAGE)


def test_a_missing_random_is_refused() -> None:
    assert not verify(SECRET, None, checksum(SECRET, "", MESSAGE), MESSAGE)


def test_signed_headers_verify_and_are_fresh_each_time() -> None:
    first, second = signed_headers(SECRET, MESSAGE), signed_headers(SECRET, MESSAGE)
    assert set(first) == {RECORDING_RANDOM, RECORDING_CHECKSUM}
    assert verify(SECRET, first[RECORDING_RANDOM], first[RECORDING_CHECKSUM], MESSAGE)
    assert first[RECORDING_RANDOM] != second[RECORDING_RANDOM]
    assert len(first[RECORDING_RANDOM]) == 64
