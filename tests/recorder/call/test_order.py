"""Where a capture process connects to."""

from dataclasses import replace
from pathlib import Path

import pytest

from callrec.recorder.call.order import CaptureOrder
from tests.recorder.folder.samples import ANCHOR


def order(backend_url: str, connect_url: str) -> CaptureOrder:
    return CaptureOrder(
        root=Path("recording"),
        anchor=ANCHOR,
        token="k3x9p2aa",
        backend_url=backend_url,
        connect_url=connect_url,
        backend_secret="the-backend-secret",
        signaling_secret="the-signaling-secret",
        video=True,
        empty_timeout_s=30,
    )


OWN = order("https://talk.example", "http://127.0.0.1:8080")


@pytest.mark.parametrize(
    "url, reached",
    [
        ("https://talk.example", "http://127.0.0.1:8080"),
        ("https://talk.example/", "http://127.0.0.1:8080/"),
        ("https://talk.example/signaling", "http://127.0.0.1:8080/signaling"),
        ("wss://talk.example/signaling", "http://127.0.0.1:8080/signaling"),
        ("https://talk.example.evil", "https://talk.example.evil"),
        ("https://talk.example.evil/signaling", "https://talk.example.evil/signaling"),
        ("https://talk.example@evil/", "https://talk.example@evil/"),
        ("https://talk.example:444/", "https://talk.example:444/"),
        ("https://talk.examplesignaling", "https://talk.examplesignaling"),
        ("http://talk.example/signaling", "http://talk.example/signaling"),  # another scheme is another place
        ("ws://talk.example/signaling", "http://talk.example/signaling"),
        ("https://hpb.example/standalone", "https://hpb.example/standalone"),
        ("wss://hpb.example", "https://hpb.example"),
        ("", ""),
    ],
)
def test_only_addresses_below_the_backend_are_replaced(url: str, reached: str) -> None:
    assert OWN.reach(url) == reached


def test_a_backend_below_a_path_is_a_prefix_of_whole_segments() -> None:
    below = order("http://host/cloud", "http://10.0.0.1/cloud")
    assert below.reach("ws://host/cloud/signaling") == "http://10.0.0.1/cloud/signaling"
    assert below.reach("http://host/cloudy") == "http://host/cloudy"
    assert below.reach("http://host/") == "http://host/"


def test_without_a_connect_url_everything_stays() -> None:
    plain = order("http://host", "http://host")
    assert plain.reach("ws://host/signaling") == "http://host/signaling"


def test_secrets_are_not_in_its_repr() -> None:
    text = repr(OWN)
    assert "the-backend-secret" not in text and "the-signaling-secret" not in text
    assert "k3x9p2aa" in text


@pytest.mark.parametrize(
    "url, secret",
    [
        ("https://hpb.example", "its-own"),
        ("https://hpb.example/", "its-own"),
        ("wss://hpb.example/", "its-own"),
        ("https://hpb.example/standalone-signaling", "the-signaling-secret"),
        ("http://hpb.example", "the-signaling-secret"),
        ("ws://hpb.example", "the-signaling-secret"),
        ("https://hpb.example.evil", "the-signaling-secret"),
        ("https://HPB.example", "the-signaling-secret"),
        ("https://hpb.example:443", "the-signaling-secret"),
        ("https://other.example", "the-signaling-secret"),
    ],
)
def test_a_signaling_server_gets_its_own_secret_at_exactly_its_url(url: str, secret: str) -> None:
    listing = replace(OWN, signaling_secrets={"https://hpb.example": "its-own"})
    assert listing.secret_for(url) == secret
    assert "its-own" not in repr(listing)


def test_a_server_that_is_not_listed_gets_nothing_where_there_is_no_common_secret() -> None:
    listing = replace(OWN, signaling_secret="", signaling_secrets={"https://hpb.example": "its-own"})
    assert listing.secret_for("https://evil.example") == ""
