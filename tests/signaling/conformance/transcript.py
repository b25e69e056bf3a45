"""Messages of a signaling server in the form in which two servers can be compared."""

import json
from collections.abc import Mapping
from typing import Any

Line = dict[str, Any]

VERSION_DEPENDENT = ("features", "lastPing")
"""Of join entries since a later version (``join-features``); of internal clients at the standalone server."""


def lines(message: Mapping[str, Any]) -> list[Line]:
    """Return what one message says: one line per session in a join or leave, since servers cut these events
    differently; of an error its code, since the words are free."""
    if message["type"] == "error":
        error = {key: value for key, value in message["error"].items() if key != "message"}
        return [{**message, "error": error}]
    if message["type"] == "event":
        event = message["event"]
        if (event["target"], event["type"]) == ("room", "join"):
            return [{"joined": without_version(entry)} for entry in event["join"]]
        if (event["target"], event["type"]) == ("room", "leave"):
            return [{"left": session} for session in event["leave"]]
    return [dict(message)]


def without_version(entry: Mapping[str, Any]) -> Line:
    """Return *entry* without what depends on the version of the server."""
    return {key: value for key, value in entry.items() if key not in VERSION_DEPENDENT}


def named(text: str, names: Mapping[str, str]) -> dict[str, Any]:
    """Parse a message with the ids of sessions replaced by names."""
    for session, name in names.items():
        text = text.replace(session, name)
    message: dict[str, Any] = json.loads(text)
    return message


def key(line: Mapping[str, Any]) -> str:
    """Return a form that is equal for equal lines, whatever the order of their keys."""
    return json.dumps(line, sort_keys=True)


def update(line: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the content of a participants update; None for any other line."""
    event = line.get("event", {})
    if (event.get("target"), event.get("type")) == ("participants", "update"):
        content: dict[str, Any] = event["update"]
        return content
    return None
