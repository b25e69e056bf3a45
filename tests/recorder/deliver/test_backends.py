"""Who may order recordings, and who is a stranger."""

import pytest
from pydantic import SecretStr

from callrec.recorder.deliver.backends import BackendClients, Backends
from callrec.settings import AnyBackendSettings, BackendSettings, RecorderSettings

TALK = BackendSettings(url="https://talk.example/", secret=SecretStr("own"))
ANYBODY = AnyBackendSettings(secret=SecretStr("common"), skip_verify=True, width_px=640)


def test_only_configured_backends_are_known() -> None:
    backends = Backends(RecorderSettings(backends=(TALK,)))
    assert list(backends) == ["https://talk.example"]
    assert backends.get("https://talk.example") == TALK
    for stranger in ("", "https://talk.example/", "https://talk.example.evil", "http://talk.example"):
        assert backends.get(stranger) is None


def test_with_any_backend_the_others_are_as_it_says() -> None:
    backends = Backends(RecorderSettings(backends=(TALK,), any_backend=ANYBODY))
    assert backends.get("https://talk.example") == TALK
    other = backends.get("http://other.example:8080/nc")
    assert other is not None
    assert (other.url, other.secret.get_secret_value()) == ("http://other.example:8080/nc", "common")
    assert (other.skip_verify, other.width_px) == (True, 640)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "other.example",
        "ftp://other.example",
        "file:///etc/passwd",
        "https://",
        "https://other.example/",
        "https://user:word@other.example",
        "https://other.example?x=1",
        "https://other.example#x",
        "https://other.example:99999",
        "https://other.example:0",
        "https://[::1",
        "https://other.example/\x00",
        "https://other.example/ x",
        "https://öther.example",
        "https://other.example/" + "x" * 300,
    ],
)
def test_what_is_no_base_url_is_nobody(url: str) -> None:
    assert Backends(RecorderSettings(any_backend=ANYBODY)).get(url) is None


async def test_each_backend_has_one_client() -> None:
    clients = BackendClients(Backends(RecorderSettings(backends=(TALK,))))
    first = clients.get("https://talk.example")
    assert first is not None and clients.get("https://talk.example") is first
    assert clients.get("https://other.example") is None
    await clients.close()
