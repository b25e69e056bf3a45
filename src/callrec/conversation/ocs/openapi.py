"""The OpenAPI description of the OCS routes, made from their declarations. Pure, but for ``install``."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from callrec import __version__
from callrec.conversation.ocs.described import Signature
from callrec.conversation.ocs.envelope import V2
from callrec.conversation.ocs.router import Access, OcsRoute, declared
from callrec.wire.constants import ROOM_TOKEN

PATH = "/ocs/openapi.json"
OPENAPI = "3.1.0"

_VARIABLE = re.compile(r"\{(\w+)(?::(\w+))?\}")
_KINDS: dict[str | None, dict[str, Any]] = {
    "room_token": {"type": "string", "pattern": f"^{ROOM_TOKEN.pattern}$"},
    "int": {"type": "integer", "minimum": 0},
}
_SCHEMAS = "#/components/schemas/"
_BODY_METHODS = frozenset({"POST", "PUT", "PATCH"})
_NO_BODY = frozenset({204, 304})
_DESCRIPTION = (
    "Nextcloud Talk's OCS API as far as callrec serves it. The same routes exist below /ocs/v1.php, where "
    "the HTTP status is 200 (or 401) and the envelope's statuscode tells. Parameters may come in query, form "
    "or JSON alike; numbers may be text. Every answer is an envelope, JSON for `Accept: application/json`."
)


def install(app: Starlette) -> None:
    """Serve the description of all OCS routes of *app*, made at the first request."""
    rendered: list[bytes] = []

    async def openapi(_request: Request) -> Response:
        if not rendered:
            rendered.append(msgspec.json.encode(document(declared(app))))
        return Response(rendered[0], media_type="application/json")

    app.add_route(PATH, openapi, methods=["GET"])


def document(routes: Sequence[OcsRoute[Any]]) -> dict[str, Any]:
    """Return the OpenAPI document of *routes*; of two that look alike the first is served and described."""
    structs = list({route.reads: None for route in routes if route.reads is not None})
    described, components = msgspec.json.schema_components(structs, ref_template=_SCHEMAS + "{name}")
    schemas = dict(zip(structs, described, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        operations = paths.setdefault(_VARIABLE.sub(r"{\1}", route.path), {})
        schema = schemas[route.reads] if route.reads is not None else None
        operations.setdefault(route.method.lower(), _operation(route, schema, components))
    return {
        "openapi": OPENAPI,
        "info": {"title": "callrec", "version": __version__, "description": _DESCRIPTION},
        "servers": [{"url": V2}],
        "paths": paths,
        "components": {
            "schemas": {**components, **_ENVELOPES},
            "securitySchemes": {
                "basic": {"type": "http", "scheme": "basic"},
                "appPassword": {"type": "http", "scheme": "bearer"},
                **{name: _header_key(name) for route in routes for name in _signs(route.signed)},
            },
        },
    }


def _operation(
    route: OcsRoute[Any], schema: dict[str, Any] | None, components: dict[str, Any]
) -> dict[str, Any]:
    in_body = route.method in _BODY_METHODS
    parameters = [*_path_parameters(route.path), _API_HEADER]
    if schema is not None and not in_body:
        parameters += _query_parameters(components[schema["$ref"].removeprefix(_SCHEMAS)])
    operation: dict[str, Any] = {
        "operationId": f"{route.handler.__module__.rpartition('.')[2]}.{route.handler.__name__}",
        "summary": (route.handler.__doc__ or "").partition("\n")[0],
        "parameters": parameters,
        "security": list(_security(route)),
        "responses": {str(status): answer for status, answer in _answers(route)},
    }
    if route.signed is not None:
        may = "Signed" if route.signed.required else "May be signed"
        operation["description"] = f"{may} over {route.signed.over} (HMAC-SHA256 by the shared secret)."
    if route.takes is not None:
        content = {kind: {"schema": taken} for kind, taken in route.takes.content.items()}
        operation["requestBody"] = {"required": True, "content": content}
    elif schema is not None and in_body:
        kinds = ("application/json", "application/x-www-form-urlencoded", "multipart/form-data")
        operation["requestBody"] = {"content": {kind: {"schema": schema} for kind in kinds}}
    return operation


def _path_parameters(path: str) -> Iterator[dict[str, Any]]:
    for name, kind in _VARIABLE.findall(path):
        schema = _KINDS.get(kind, {"type": "string"})
        yield {"name": name, "in": "path", "required": True, "schema": schema}


def _query_parameters(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    required = schema.get("required", ())
    for name, kind in schema["properties"].items():
        yield {"name": name, "in": "query", "required": name in required, "schema": kind}


def _signs(signature: Signature | None) -> tuple[str, ...]:
    return () if signature is None else (signature.random, signature.checksum)


def _header_key(name: str) -> dict[str, Any]:
    return {"type": "apiKey", "in": "header", "name": name}


def _security(route: OcsRoute[Any]) -> Iterator[dict[str, list[str]]]:
    """Yield the ways to sign in: any of them is enough."""
    if route.signed is not None:
        yield {name: [] for name in _signs(route.signed)}
    if route.signed is None or not route.signed.required:
        yield from _SECURITY[route.access]


def _refusals(route: OcsRoute[Any]) -> dict[int, tuple[str, ...]]:
    """Return what *route* refuses: its own words, and what its declaration brings with it."""
    statuses = {412, 429}  # no OCS-APIRequest header; wrong passwords from the same network
    if route.access is not Access.PUBLIC:
        statuses.add(401)
    if route.access is Access.ADMIN:
        statuses.add(403)
    if "{" in route.path:
        statuses.add(404)
    if route.reads is not None or route.takes is not None:
        statuses |= {400, 413 if route.too_long is None else route.too_long().status}
    return {status: route.refuses.get(status, ()) for status in sorted(statuses | set(route.refuses))}


def _answers(route: OcsRoute[Any]) -> Iterator[tuple[int | str, dict[str, Any]]]:
    for status in route.answers:
        if status in _NO_BODY:
            yield status, {"description": "Nothing new" if status == 304 else "Done"}
        else:
            success: dict[str, Any] = {"$ref": _SCHEMAS + "OcsSuccess"}
            if route.data is not None:
                data = {"properties": {"ocs": {"properties": {"data": route.data}}}}
                success = {"allOf": [success, data]}
            yield status, _described("Done", success)
    for status, words in _refusals(route).items():
        if not words:
            yield status, _described(_USUAL.get(status, "Refused"), _ANY_FAILURE.get(status, _FAILURE))
            continue
        # Examples, because a parameter that is missing or cannot be read is named in the same place.
        error = {"properties": {"error": {"examples": list(words)}}}
        data = {"properties": {"ocs": {"properties": {"data": error}}}}
        yield status, _described(f"Refused: {', '.join(words)}", {"allOf": [_FAILURE, data]})
    yield "default", _described("Out of order", _FAILURE)


def _described(text: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": text, "content": {"application/json": {"schema": schema}}}


def _envelope(status: str) -> dict[str, Any]:
    meta = {
        "type": "object",
        "required": ["status", "statuscode", "message"],
        "properties": {
            "status": {"const": status},
            "statuscode": {"type": "integer"},
            "message": {"type": "string"},
        },
    }
    ocs = {"type": "object", "required": ["meta", "data"], "properties": {"meta": meta, "data": {}}}
    return {"type": "object", "required": ["ocs"], "properties": {"ocs": ocs}}


_API_HEADER = {
    "name": "OCS-APIRequest",
    "in": "header",
    "required": True,
    "schema": {"const": "true"},
}
_SECURITY: dict[Access, list[dict[str, list[str]]]] = {
    Access.PUBLIC: [{}, {"basic": []}, {"appPassword": []}],
    Access.USER: [{"basic": []}, {"appPassword": []}],
    Access.ADMIN: [{"basic": []}, {"appPassword": []}],
}
_USUAL = {
    400: "A parameter is missing or cannot be read: it is named",
    401: "Not signed in, or not signed",
    403: "Not allowed",
    404: "Nothing of this name",
    412: "The header OCS-APIRequest is missing, or the room's lobby is closed",
    413: "Too long",
    429: "Too many bad attempts: Retry-After tells how many seconds to wait",
    500: "Something else is out of order; try again",
}
_FAILURE = {"$ref": _SCHEMAS + "OcsFailure"}
_ANY_FAILURE = {
    412: {"anyOf": [_FAILURE, {"type": "object", "required": ["message"]}]},  # without header: no envelope
}
_ENVELOPES = {"OcsSuccess": _envelope("ok"), "OcsFailure": _envelope("failure")}
