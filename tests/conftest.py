"""What holds for all tests."""

from collections.abc import Iterator
from functools import partial

import pytest
from hypothesis import settings
from pwdlib.hashers.argon2 import Argon2Hasher

from callrec.conversation import passwords
from tests.conversation.certificates import certified

# How long one example takes says more about the machine, and who else works there, than about the code.
settings.register_profile("callrec", deadline=None)
settings.load_profile("callrec")


@pytest.fixture(scope="session", autouse=True)
def cheap_passwords() -> Iterator[None]:
    """Let argon2 cost next to nothing in this process: the real costs are most of the time of a test."""
    cheap = partial(Argon2Hasher, time_cost=1, memory_cost=8, parallelism=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "Argon2Hasher", cheap)
        yield


@pytest.fixture(scope="session", autouse=True)
def one_authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Trust one certificate: each HTTP client reads all that it trusts, and that takes its time."""
    folder = tmp_path_factory.mktemp("authority")
    certified(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(folder / "server.pem"))
        yield
