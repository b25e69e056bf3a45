"""The OCS envelope as XML, as a PHP server writes it (docs/wire.md, OCS envelope)."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

_NAME = re.compile(r"[A-Za-z_][\w.-]*", re.ASCII)
_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
ELEMENT = "element"
"""The name of list items, and of keys that XML cannot have as names."""


def to_xml(value: Mapping[str, Any]) -> bytes:
    """Encode *value*, which has one key: the root element.

    Lists become repeated ``element``, null an empty element, true ``1``, false empty text. Characters that
    XML 1.0 does not allow are left out.
    """
    return "".join(('<?xml version="1.0"?>\n', *_elements(value), "\n")).encode()


def xml_text(text: str) -> str:
    """Return *text* as content of an element, without the characters that XML 1.0 cannot hold."""
    return escape(_NOT_IN_XML.sub("", text))


def _elements(value: Mapping[str, Any]) -> Iterator[str]:
    for key, content in value.items():
        name = key if _NAME.fullmatch(key) else ELEMENT
        yield f"<{name}>"
        if isinstance(content, Mapping):
            yield from _elements(content)
        elif isinstance(content, Sequence) and not isinstance(content, str):
            for item in content:
                yield from _elements({ELEMENT: item})
        else:
            yield xml_text(_text(content))
        yield f"</{name}>"


def _text(value: Any) -> str:
    if value is None or value is False:
        return ""
    return "1" if value is True else str(value)
