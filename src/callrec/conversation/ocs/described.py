"""What a route tells about itself beyond its parameters, as JSON Schema (``ocs.openapi``)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Schema = Mapping[str, Any]

NOTHING: Schema = {"type": "null"}
LIST: Schema = {"type": "array"}
OBJECTS: Schema = {"type": "array", "items": {"type": "object"}}
EMPTY: Schema = {"type": "array", "maxItems": 0}
"""As PHP shows an object without keys."""


def keys(*names: str) -> Schema:
    """Return the schema of an object that has at least these keys."""
    return {"type": "object", "required": list(names)}


ROOM = keys("id", "token", "type", "name", "displayName", "participantType", "hasCall", "callRecording")


@dataclass(frozen=True)
class Body:
    """A body that is more than parameters: its schema by media type."""

    content: Mapping[str, Schema]


@dataclass(frozen=True)
class Signature:
    """Two headers that sign a request (docs/wire.md, Checksums); *over* tells what is signed."""

    random: str
    checksum: str
    over: str
    required: bool = True
