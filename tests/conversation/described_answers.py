"""Whether an answer is one that the OpenAPI document knows."""

from typing import Any

import httpx

from .every_route import Operation

KINDS: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "null": type(None),
}


def fits(value: Any, schema: dict[str, Any]) -> bool:
    """Tell whether *value* is what *schema* says, as far as answers are described."""
    unknown = set(schema) - {"type", "required", "items", "maxItems", "properties", "examples"}
    assert not unknown, f"{unknown}: not looked at"
    if "type" in schema and not isinstance(value, KINDS[schema["type"]]):
        return False
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        named = all(fits(value[name], inner) for name, inner in properties.items() if name in value)
        return named and set(schema.get("required", ())) <= set(value)
    if isinstance(value, list):
        short = len(value) <= schema.get("maxItems", len(value))
        return short and all(fits(each, schema.get("items", {})) for each in value)
    return True


def check(operation: Operation, answer: httpx.Response) -> None:
    """Fail unless *operation* is described as giving this answer."""
    assert answer.status_code in operation.answers, f"not described: {answer.status_code} {answer.text[:500]}"
    assert "Traceback" not in answer.text and "<statuscode>996" not in answer.text
    if "json" in answer.headers.get("Content-Type", ""):  # else XML
        ocs = answer.json()["ocs"]
        assert ocs["meta"]["status"] == ("ok" if answer.status_code < 400 else "failure")
        assert ocs["meta"]["statuscode"] != 996
        if answer.status_code < 400:
            assert fits(ocs["data"], operation.answers[answer.status_code]), answer.text[:500]
