"""The messages between conversation server and recorder: exact bytes out, anything in."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callrec.wire.constants import ROOM_TOKEN
from callrec.wire.recording import (
    Actor,
    Failed,
    MalformedMessage,
    Report,
    Request,
    Start,
    Started,
    Stop,
    Stopped,
    decode_report,
    decode_request,
    encode_report,
    encode_request,
    php_json,
)

MIRA = Actor("users", "mira")

REQUESTS: list[tuple[Request, bytes]] = [
    (
        Start(1, "mira", MIRA),
        b'{"type":"start","start":{"status":1,"owner":"mira","actor":{"type":"users","id":"mira"}}}',
    ),
    (Stop(MIRA), b'{"type":"stop","stop":{"actor":{"type":"users","id":"mira"}}}'),
    (Stop(), b'{"type":"stop","stop":[]}'),
]
REPORTS: list[tuple[Report, bytes]] = [
    (
        Started("k3x9p2aa", 1, MIRA),
        b'{"type":"started","started":{"token":"k3x9p2aa","status":1,"actor":{"type":"users","id":"mira"}}}',
    ),
    (
        Stopped("k3x9p2aa", MIRA),
        b'{"type":"stopped","stopped":{"token":"k3x9p2aa","actor":{"type":"users","id":"mira"}}}',
    ),
    (Stopped("k3x9p2aa"), b'{"type":"stopped","stopped":{"token":"k3x9p2aa"}}'),
    (Failed("k3x9p2aa"), b'{"type":"failed","failed":{"token":"k3x9p2aa"}}'),
]


@pytest.mark.parametrize("request_, body", REQUESTS)
def test_requests_have_exactly_these_bytes(request_: Request, body: bytes) -> None:
    assert encode_request(request_) == body
    assert decode_request(body) == request_


@pytest.mark.parametrize("report, body", REPORTS)
def test_reports_have_exactly_these_bytes(report: Report, body: bytes) -> None:
    assert encode_report(report) == body
    assert decode_report(body) == report


def test_slashes_and_non_ascii_are_escaped_as_php_does() -> None:
    assert php_json({"a/b": 'Ünï/code 😀\n\t"\\'}) == (
        rb'{"a\/b":"\u00dcn\u00ef\/code \ud83d\ude00\n\t\"\\"}'
    )
    owner = 'o/"ñ\\'
    body = encode_request(Start(2, owner, Actor("emails", "a/b@x")))
    assert b"/" not in body.replace(b"\\/", b"") and body.isascii()
    assert decode_request(body) == Start(2, owner, Actor("emails", "a/b@x"))


@given(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8")))
def test_any_name_survives_the_wire(owner: str, actor_id: str) -> None:
    start = Start(1, owner, Actor("users", actor_id))
    assert decode_request(encode_request(start)) == start
    stopped = Stopped("token1", Actor("guests", actor_id))
    assert decode_report(encode_report(stopped)) == stopped


def test_a_stop_without_actor_may_also_be_an_object() -> None:
    assert decode_request(b'{"type":"stop","stop":{}}') == Stop()


def test_unknown_fields_are_passed_over() -> None:
    body = b'{"new":1,"type":"failed","failed":{"token":"t0ken","more":[1]}}'
    assert decode_report(body) == Failed("t0ken")


@pytest.mark.parametrize("decode", [decode_request, decode_report])
def test_an_unknown_type_is_called_unknown(decode: Any) -> None:
    with pytest.raises(MalformedMessage, match=r"^type: unknown, must be sta"):
        decode(b'{"type":"nope"}')


ACTOR = {"type": "users", "id": "mira"}
BAD_REQUESTS: list[tuple[Any, str]] = [
    ([], "type"),
    (None, "type"),
    ("start", "type"),
    ({}, "type"),
    ({"type": 1}, "type"),
    ({"type": "start"}, "start"),
    ({"type": "type"}, "type"),
    ({"type": "started", "started": {}}, "type"),
    ({"type": "start", "start": []}, "start"),
    ({"type": "start", "start": {"owner": "mira", "actor": ACTOR}}, "status"),
    ({"type": "start", "start": {"status": 1, "actor": ACTOR}}, "owner"),
    ({"type": "start", "start": {"status": 1, "owner": "mira"}}, "actor"),
    ({"type": "start", "start": {"status": 1, "owner": "mira", "actor": {"type": "users"}}}, "id"),
    ({"type": "start", "start": {"status": 1, "owner": 7, "actor": ACTOR}}, "owner"),
    ({"type": "start", "start": {"status": "1", "owner": "mira", "actor": ACTOR}}, "status"),
    ({"type": "start", "start": {"status": True, "owner": "mira", "actor": ACTOR}}, "status"),
    *(
        ({"type": "start", "start": {"status": status, "owner": "mira", "actor": ACTOR}}, "start.status")
        for status in (0, 3, 4, 5, -1, 10**30)
    ),
    ({"type": "stop", "stop": None}, "stop"),
    ({"type": "stop", "stop": False}, "stop"),
    ({"type": "stop", "stop": [1]}, "stop"),
    ({"type": "stop", "stop": {"actor": {"type": "users"}}}, "actor"),
    ({"type": "stop", "stop": {"actor": []}}, "actor"),
]


@pytest.mark.parametrize("body, named", BAD_REQUESTS)
def test_a_malformed_request_is_refused_and_the_field_is_named(body: Any, named: str) -> None:
    with pytest.raises(MalformedMessage, match=named):
        decode_request(json.dumps(body).encode())


BAD_REPORTS: list[tuple[Any, str]] = [
    ({"type": "start", "start": {}}, "type"),
    ({"type": "started", "started": {"token": "t0ken", "status": 1}}, "actor"),
    ({"type": "started", "started": {"token": "t0ken", "status": 3, "actor": ACTOR}}, "started.status"),
    ({"type": "started", "started": {"status": 1, "actor": ACTOR}}, "token"),
    ({"type": "stopped", "stopped": []}, "stopped"),
    ({"type": "stopped", "stopped": {"token": "t0ken", "actor": "mira"}}, "actor"),
    ({"type": "failed", "failed": {}}, "token"),
]


@pytest.mark.parametrize("body, named", BAD_REPORTS)
def test_a_malformed_report_is_refused_and_the_field_is_named(body: Any, named: str) -> None:
    with pytest.raises(MalformedMessage, match=named):
        decode_report(json.dumps(body).encode())


@pytest.mark.parametrize(
    "body",
    [b"", b"\xff", b'{"type":"\xff"}', b"[" * 100_000, b'{"a":' * 100_000, b'{"type":"stop","stop":[]} x',
     b'{"type":"start","start":{"status":1e999}}', b'{"type":"stop","stop":{"actor":"\\ud800"}}'],
)  # fmt: skip
def test_what_is_no_json_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedMessage):
        decode_request(body)
    with pytest.raises(MalformedMessage):
        decode_report(body)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.dictionaries(st.sampled_from(["token", "status", "owner", "actor", "type", "id"]), JSON)


@given(st.binary(max_size=64))
def test_any_bytes_are_a_message_or_malformed(body: bytes) -> None:
    for decode in (decode_request, decode_report):
        with contextlib.suppress(MalformedMessage):
            decode(body)


@given(st.sampled_from(["start", "stop", "started", "stopped", "failed", ""]), FIELDS | JSON)
def test_any_json_is_a_message_or_malformed(kind: str, content: Any) -> None:
    body = json.dumps({"type": kind, kind: content}).encode()
    for decode in (decode_request, decode_report):
        with contextlib.suppress(MalformedMessage):
            decode(body)


@pytest.mark.parametrize("token", ["abcd", "k3x9p2aa", "a" * 30])
def test_room_tokens(token: str) -> None:
    assert ROOM_TOKEN.fullmatch(token)


@pytest.mark.parametrize("token", ["abc", "a" * 31, "ABCD", "ab/cd", "../..", "abcd\n", "", "abçd", "a b c"])
def test_what_is_no_room_token(token: str) -> None:
    assert not ROOM_TOKEN.fullmatch(token)
