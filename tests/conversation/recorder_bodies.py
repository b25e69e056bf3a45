"""Bodies as a recorder or a signaling server might send them, near-valid and arbitrary.

The simplest of each, which Hypothesis draws first, is a good one.
"""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from hypothesis import strategies as st

from .every_route import JUNK
from .recording_world import OGG

BOUNDARY = "b0undary"
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MULTIPART = f"multipart/form-data; boundary={BOUNDARY}"

OWNERS = st.sampled_from([*["mira"] * 12, "ole", "MIRA", "nobody", "", "mi\0ra", "../mira", "m" * 300])
NAMES = st.sampled_from(
    [
        *["a.ogg"] * 12,
        "Recording 2026-03-01 14-05-09.ogg",
        "a.webm",
        "a.OGG",
        "a.ogg.exe",
        "noend",
        "",
        ".",
        "..",
        ".ogg",
        "../../up.ogg",
        "/etc/x.ogg",
        "C:\\x\\y.ogg",
        "nul\0.ogg",
        "line\r\nbreak.ogg",
        'quo"te.ogg',
        "turned\u202e.ogg",
        "e\u0301\U0001f3a7.ogg",
        "x" * 251 + ".ogg",
        "\u00fc" * 200 + ".ogg",
        "x" * 5000 + ".ogg",
    ]
) | st.text(max_size=20).map(lambda text: f"{text}.ogg")
CONTENTS = st.one_of(
    *[st.just(OGG)] * 5,
    st.sampled_from([b"", b"OggS", b"<html>", b"\x1aE\xdf\xa3webm", OGG + b"\r\n--"]),
    st.binary(max_size=40),
)
STATUSES = st.sampled_from([1, 1, 2, 0, 3, -1, 2**63, 2**70, 1.0, 1.5, "1", True, None])
ACTORS = st.fixed_dictionaries(
    {"type": st.sampled_from(["users", "users", "guests", "", "x\0"]), "id": OWNERS}
) | st.dictionaries(st.sampled_from(["type", "id"]), JUNK, max_size=2)
RAW = st.sampled_from(
    [
        b"",
        b"null",
        b"[" * 60_000,
        b'{"type":"started","started":{"token":"\\ud800"}}',
        b'{"type":"failed","failed":{"token":"abcd\\u0000"}}',
        b'{"type":"failed","failed":{"token":1e400}}',
        b'{"type":"failed","failed":null}',
        b'{"type":"failed"}',
        b'{"type":"nope"}',
        b"\xff\xfe",
        b'{"type":"failed","type":"started","started":[]}',
    ]
) | st.binary(max_size=60)


@dataclass(frozen=True)
class Body:
    """What is sent."""

    data: bytes
    content_type: str | None = JSON


def dumped(value: Any) -> bytes:
    """Return *value* as JSON."""
    return json.dumps(value).encode()


@st.composite
def spoiled(draw: st.DrawFn, fields: dict[str, st.SearchStrategy[Any]]) -> dict[str, Any]:
    """Draw an object with these *fields*, mostly; one may be missing, or anything."""
    drawn = {name: draw(values) for name, values in fields.items()}
    fault = draw(st.sampled_from(["none", "none", "none", "missing", "junk", "more"]))
    name = draw(st.sampled_from(sorted(drawn)))
    if fault == "missing":
        del drawn[name]
    elif fault == "junk":
        drawn[name] = draw(JUNK)
    elif fault == "more":
        drawn[draw(st.text(max_size=8))] = draw(JUNK)
    return drawn


@st.composite
def _messages(draw: st.DrawFn, kinds: dict[str, dict[str, st.SearchStrategy[Any]]]) -> Body:
    if draw(st.integers(0, 5)) == 5:
        return Body(draw(RAW), draw(st.sampled_from([JSON, FORM, MULTIPART, None])))
    kind = draw(st.sampled_from(sorted(kinds)))
    message = {"type": kind, kind: draw(spoiled(kinds[kind]))}
    if draw(st.integers(0, 9)) == 9:
        message["type"] = draw(st.one_of(st.sampled_from([*kinds, "nope"]), JUNK))
    if draw(st.integers(0, 30)) == 30:
        message["padding"] = "x" * (300 << 10)
    return Body(dumped(message), draw(st.sampled_from([JSON, JSON, FORM, None])))


def reports(tokens: list[str]) -> st.SearchStrategy[Body]:
    """Return bodies for ``recording/backend``."""
    room = _rooms(tokens)
    return _messages(
        {
            "started": {"token": room, "status": STATUSES, "actor": ACTORS},
            "stopped": {"token": room, "actor": st.one_of(ACTORS, st.none())},
            "failed": {"token": room},
        }
    )


def callbacks(tokens: list[str], sessions: list[str], ticket: str) -> st.SearchStrategy[Body]:
    """Return bodies for ``signaling/backend``."""
    room = _rooms(tokens)
    session = st.sampled_from([*sessions * 5, "", "0", "nobody", "s\0", "s" * 5000])
    entry = st.one_of(st.fixed_dictionaries({"sessionid": session}), JUNK)
    tickets = st.sampled_from([ticket, ticket, ticket, ticket[:-1], ""])
    params = st.fixed_dictionaries({"userid": OWNERS, "ticket": tickets})
    return _messages(
        {
            "auth": {"version": st.just("1.0"), "params": st.one_of(params, params, JUNK)},
            "room": {
                "roomid": room,
                "sessionid": session,
                "userid": OWNERS,
                "action": st.sampled_from(["join", "join", "leave", "stay"]),
            },
            "ping": {"roomid": room, "entries": st.lists(entry, max_size=4)},
        }
    )


def _rooms(tokens: list[str]) -> st.SearchStrategy[str]:
    return st.sampled_from([*tokens * 8, "zzzz9999", "", "a" * 300, "../x", "ab\0cd"])


@st.composite
def parameters(draw: st.DrawFn, fields: dict[str, st.SearchStrategy[Any]]) -> Body:
    """Draw *fields* in any of the forms in which parameters come."""
    drawn = draw(spoiled(fields))
    form = draw(st.sampled_from(["json", "json", "form", "multipart", "raw"]))
    if form == "json":
        return Body(dumped(drawn), JSON)
    if form == "raw":
        return Body(draw(RAW), draw(st.sampled_from([JSON, FORM, None])))
    flat = {name: value if isinstance(value, str) else json.dumps(value) for name, value in drawn.items()}
    if form == "form":
        return Body(urlencode(flat).encode(), FORM)
    return Body(b"".join(part(name, None, value.encode()) for name, value in flat.items()) + END, MULTIPART)


def uploads() -> st.SearchStrategy[Body]:
    """Return bodies for ``request-upload``."""
    return parameters({"owner": OWNERS, "fileName": NAMES})


def finishes() -> st.SearchStrategy[Body]:
    """Return bodies for the ``store`` that ends an upload in chunks."""
    return parameters({"owner": OWNERS, "fileName": NAMES, "intervalsFileName": NAMES})


END = f"--{BOUNDARY}--\r\n".encode()


def part(name: str, filename: str | None, value: bytes) -> bytes:
    """Return one part, nothing in its names escaped."""
    named = "" if filename is None else f'; filename="{filename}"'
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'
    return head.encode(errors="replace") + value + b"\r\n"


@st.composite
def stores(draw: st.DrawFn) -> Body:
    """Draw a multipart body for ``store``: parts in any order, twice or not at all."""
    parts = []
    if draw(st.integers(0, 8)) < 8:
        parts.append(part("owner", None, draw(OWNERS).encode()))
    if draw(st.integers(0, 8)) < 8:
        name = draw(st.sampled_from(["file", "file", "file", "file", "File", "files[]"]))
        parts.append(part(name, draw(NAMES), draw(CONTENTS)))
    if draw(st.booleans()):
        limit = draw(st.sampled_from(["0", "-1", "5", "99999", "abc", "", "9" * 400, "\u0665"]))
        parts.append(part("MAX_FILE_SIZE", None, limit.encode()))
    if draw(st.integers(0, 4)) == 4:
        more = st.sampled_from(["owner", "fileName", "intervalsFileName", "", "x" * 300, "a[b]"])
        names = st.none() | NAMES
        parts.append(part(draw(more), draw(names), draw(st.binary(max_size=20))))
    if draw(st.integers(0, 20)) == 20:
        parts += [part("p", None, b"1")] * 40
    body = b"".join(draw(st.permutations(parts))) + END
    match draw(st.sampled_from(["whole"] * 12 + ["cut", "unended", "binary"])):
        case "cut":
            body = body[: draw(st.integers(0, len(body)))]
        case "unended":
            body = body[: -len(END)]
        case "binary":
            body = draw(st.binary(max_size=60))
    bad = ["multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=x"]
    return Body(body, draw(st.sampled_from([*[MULTIPART] * 20, *bad])))
