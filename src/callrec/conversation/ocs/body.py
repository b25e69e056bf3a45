"""Reading a request's body within a limit, and its parameters from form or JSON."""

import io
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from multipart import MultipartError, MultipartParser, parse_options_header
from starlette.requests import Request

from callrec.conversation.ocs.errors import OcsError, refusal

MAX_BODY_BYTES = 1 << 20
"""Largest body of an ordinary request. A chat message of 32000 characters takes at most 384000 as JSON."""
MAX_FIELDS = 1000


async def read_body(request: Request, max_bytes: int) -> bytes:
    """Return the raw body.

    Raises:
        OcsError: 413 when it is longer than *max_bytes*, 400 when its announced length is no number.
    """
    announced = request.headers.get("content-length")
    if announced is not None:
        if not (announced.isascii() and announced.isdigit()):
            raise refusal("content-length")
        if int(announced) > max_bytes:
            raise OcsError(413, {"error": "body"})
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_bytes:
            raise OcsError(413, {"error": "body"})
    return bytes(body)


def body_parameters(content_type: str | None, body: bytes) -> dict[str, Any]:
    """Return the parameters in a JSON, urlencoded or multipart body; other types hold none.

    Raises:
        OcsError: 400 ``body`` when it is not what its type says.
    """
    if not body or not content_type:
        return {}
    kind, options = parse_options_header(content_type)
    if kind == "application/json":
        return _json(body)
    if kind == "application/x-www-form-urlencoded":
        return form_parameters(body.decode("utf-8", "replace"))
    if kind == "multipart/form-data" and options.get("boundary"):
        return _multipart(body, options["boundary"])
    return {}


def form_parameters(text: str) -> dict[str, Any]:
    """Parse a query string or urlencoded body; ``a[]=1`` and ``a[b]=1`` become lists and objects."""
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="replace")
    except ValueError as error:
        raise refusal("body") from error
    return _nested(pairs)


def _json(body: bytes) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise refusal("body") from error
    return value if isinstance(value, dict) else {}


def _multipart(body: bytes, boundary: str) -> dict[str, Any]:
    try:
        parts = MultipartParser(
            io.BytesIO(body),
            boundary,
            content_length=len(body),
            part_limit=MAX_FIELDS,
            spool_limit=len(body),  # it is in memory already: no part becomes a temporary file
            memory_limit=len(body),
        )
        pairs = [(part.name, part.value) for part in parts if not part.filename]
    except (MultipartError, UnicodeDecodeError) as error:
        raise refusal("body") from error
    return _nested(pairs)


def _nested(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, value in pairs:
        head, *rest = name.replace("]", "").split("[")
        _insert(result, [head, *rest], value)
    return result


def _insert(target: dict[str, Any], keys: list[str], value: str) -> None:
    """Put *value* at the path *keys*; an empty last key appends to a list. Later values win."""
    for key in keys[:-1]:
        if keys[-1] == "" and key == keys[-2]:
            items = target.setdefault(key, [])
            if isinstance(items, list):
                items.append(value)
            return
        inner = target.setdefault(key, {})
        if not isinstance(inner, dict):
            return
        target = inner
    target[keys[-1]] = value
