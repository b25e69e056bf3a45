"""The OpenAPI description of the OCS routes, made from their declarations. Pure, but for ``install``."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from callrec import __version__
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
    "Nextcloud Talk's API as far as callrec serves it. The same routes exist below /ocs/v1.php, where the "
    "HTTP status is 200 (or 401) and the envelope's statuscode tells. Parameters may come in query, form or "
    "JSON alike; numbers may be text. Every answer is an envelope, JSON for `Accept: application/json`."
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
        "security": _SECURITY[route.access],
        "responses": {str(status): answer for status, answer in _answers(route)},
    }
    if schema is not None and in_body:
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


def _answers(route: OcsRoute[Any]) -> Iterator[tuple[int | str, dict[str, Any]]]:
    for status in route.answers:
        if status in _NO_BODY:
            yield status, {"description": "Nothing new" if status == 304 else "Done"}
        else:
            yield status, _described("Done", {"$ref": _SCHEMAS + "OcsSuccess"})
    for status, words in route.refuses.items():
        # Examples, because a parameter that is missing or cannot be read is named in the same place.
        error = {"properties": {"error": {"examples": list(words)}}}
        data = {"properties": {"ocs": {"properties": {"data": error}}}}
        yield status, _described(f"Refused: {', '.join(words)}", {"allOf": [_FAILURE, data]})
    yield "default", _described("Refused", _FAILURE)


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
_FAILURE = {"$ref": _SCHEMAS + "OcsFailure"}
_ENVELOPES = {"OcsSuccess": _envelope("ok"), "OcsFailure": _envelope("failure")}
