"""Lenient conversion of merged parameters into a struct, cast as PHP would (docs/wire.md, Parameters)."""

import math
import re
import types
from typing import Any, TypeVar, Union, get_args, get_origin

import msgspec

from callrec.conversation.ocs.errors import refusal

T = TypeVar("T", bound=msgspec.Struct)

_LEADING_INT = re.compile(r"\s*([+-]?\d{1,40})")
INT_MAX = (1 << 63) - 1


def convert(parameters: dict[str, Any], struct: type[T]) -> T:
    """Build *struct* from *parameters*; unknown names are ignored, null counts as missing.

    Numbers accept text and junk becomes 0; truth accepts 1/0, "true"/"false"; text accepts numbers.

    Raises:
        OcsError: 400 with the name of a parameter that is missing or cannot be read.
    """
    values: dict[str, Any] = {}
    for field in msgspec.structs.fields(struct):
        value = parameters.get(field.encode_name)
        if value is None:
            if field.required:
                raise refusal(field.encode_name)
            continue
        values[field.name] = _cast(value, _without_none(field.type), field.encode_name)
    return struct(**values)


def _without_none(kind: Any) -> Any:
    if get_origin(kind) in (Union, types.UnionType):
        inner = [arg for arg in get_args(kind) if arg is not type(None)]
        return inner[0] if len(inner) == 1 else kind
    return kind


def _cast(value: Any, kind: Any, name: str) -> Any:
    if kind is int:
        return as_int(value)
    if kind is bool:
        return as_bool(value)
    if kind is str:
        return _as_str(value, name)
    try:
        return msgspec.convert(value, kind, strict=False)
    except msgspec.ValidationError as error:
        raise refusal(name) from error


def as_int(value: Any) -> int:
    """Return *value* as a 64-bit integer; what is no number is 0."""
    if isinstance(value, float):
        value = int(value) if math.isfinite(value) else 0
    if isinstance(value, str):
        match = _LEADING_INT.match(value)
        value = int(match[1]) if match else 0
    if not isinstance(value, int):
        return 0
    return max(-INT_MAX, min(INT_MAX, int(value)))


def as_bool(value: Any) -> bool:
    """Return *value* as truth: empty, 0 and "false" are false."""
    if isinstance(value, str):
        return value.strip().lower() not in ("", "0", "false")
    return bool(value)


def _as_str(value: Any, name: str) -> str:
    if isinstance(value, bool):
        return "1" if value else ""
    if isinstance(value, (int, float)):
        return str(value)
    if not isinstance(value, str):
        raise refusal(name)
    return value
