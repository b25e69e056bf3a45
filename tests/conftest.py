"""What holds for all tests."""

from collections.abc import Iterator
from functools import partial

import pytest
from pwdlib.hashers.argon2 import Argon2Hasher

from callrec.conversation import passwords


@pytest.fixture(scope="session", autouse=True)
def cheap_passwords() -> Iterator[None]:
    """Let argon2 cost next to nothing in this process: the real costs are most of the time of a test."""
    cheap = partial(Argon2Hasher, time_cost=1, memory_cost=8, parallelism=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "Argon2Hasher", cheap)
        yield
