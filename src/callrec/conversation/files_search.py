"""WebDAV SEARCH (RFC 5323, basicsearch) over what a user sees: read, checked, evaluated."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from xml.etree.ElementTree import Element

from callrec.conversation.files import Entry
from callrec.conversation.files_xml import BadXml, dav, parse, prefixed, wanted_properties
from callrec.conversation.ocs.parameters import as_int

FOLDER_TYPE = "httpd/unix-directory"
"""What a folder's media type is where one can be searched for."""
MAX_DEPTH = 20

Condition = Callable[[Entry], bool]
_Value = int | str
_Property = Callable[[Entry], _Value]

_PROPERTIES: dict[str, _Property] = {
    "d:displayname": lambda entry: entry.name,
    "d:getcontenttype": lambda entry: FOLDER_TYPE if entry.is_folder else entry.node.media_type,
    "d:getlastmodified": lambda entry: int(entry.node.modified_at.timestamp()),
    "oc:size": lambda entry: entry.size_bytes,
    "oc:fileid": lambda entry: entry.node.id,
    "oc:id": lambda entry: entry.node.id,
    "oc:owner-id": lambda entry: entry.node.owner_id,
    "oc:favorite": lambda entry: 0,
}
_TEXTS = ("d:displayname", "d:getcontenttype", "oc:owner-id")
_COMPARISONS: dict[str, Callable[[_Value, _Value], bool]] = {
    "d:eq": lambda value, literal: value == literal,
    "d:lt": lambda value, literal: value < literal,  # type: ignore[operator]  # both of the same kind
    "d:lte": lambda value, literal: value <= literal,  # type: ignore[operator]
    "d:gt": lambda value, literal: value > literal,  # type: ignore[operator]
    "d:gte": lambda value, literal: value >= literal,  # type: ignore[operator]
    "d:like": lambda value, literal: like(str(value), str(literal)),
}


@dataclass(frozen=True)
class Search:
    """What is looked for. ``scope`` is the address of a folder as the client wrote it."""

    scope: str
    depth: str
    wanted: list[str] | None
    condition: Condition
    order: tuple[tuple[_Property, bool], ...]
    """What to sort by, and whether downwards; the first counts most."""
    limit: int | None

    def results(self, entries: Iterable[Entry]) -> list[Entry]:
        """Return what fits, in the wanted order."""
        found = [entry for entry in entries if self.condition(entry)]
        for key, descending in reversed(self.order):
            found.sort(key=key, reverse=descending)
        return found[: self.limit]


def read_search(body: bytes) -> Search:
    """Return what *body* asks for.

    Raises:
        BadXml: it is no basic search, or has an operator, property or value that is not known here.
    """
    search = parse(body).find(dav("basicsearch"))
    if search is None:
        raise BadXml("basicsearch is missing")
    scope = search.find(f"{dav('from')}/{dav('scope')}")
    address = scope.findtext(dav("href")) if scope is not None else None
    if scope is None or not address:
        raise BadXml("from: a scope with its href is missing")
    select, where = search.find(dav("select")), search.find(dav("where"))
    limit = search.findtext(f"{dav('limit')}/{dav('nresults')}")
    return Search(
        scope=address.strip(),
        depth=(scope.findtext(dav("depth")) or "infinity").strip(),
        wanted=wanted_properties(select) if select is not None else None,
        condition=_all(where, 0) if where is not None else lambda entry: True,
        order=tuple(_order(element) for element in search.findall(f"{dav('orderby')}/{dav('order')}")),
        limit=max(0, as_int(limit)) if limit else None,
    )


def like(text: str, pattern: str) -> bool:
    """Tell whether *text* fits *pattern*: ``%`` any text, ``_`` one character; in any case of letters.

    Takes at most len(text) · len(pattern) steps, whatever the pattern.
    """
    text, pattern = text.casefold(), pattern.casefold()
    at, in_pattern, percent, retry = 0, 0, -1, 0
    while at < len(text):
        char = pattern[in_pattern] if in_pattern < len(pattern) else ""
        if char == "%":
            percent, retry = in_pattern, at
            in_pattern += 1
        elif char in ("_", text[at]) and char:
            at, in_pattern = at + 1, in_pattern + 1
        elif percent >= 0:  # let the last % take one character more
            retry += 1
            at, in_pattern = retry, percent + 1
        else:
            return False
    return not pattern[in_pattern:].strip("%")


def _all(element: Element, depth: int) -> Condition:
    """Return the condition that all children of *element* hold."""
    conditions = [_condition(child, depth + 1) for child in element]
    return lambda entry: all(condition(entry) for condition in conditions)


def _condition(element: Element, depth: int) -> Condition:
    if depth > MAX_DEPTH:
        raise BadXml("where: nested too deeply")
    name = prefixed(element.tag)
    if name == "d:and":
        return _all(element, depth)
    if name == "d:or":
        conditions = [_condition(child, depth + 1) for child in element]
        return lambda entry: any(condition(entry) for condition in conditions)
    if name == "d:not":
        negated = _all(element, depth)
        return lambda entry: not negated(entry)
    if name == "d:is-collection":
        return lambda entry: entry.is_folder
    compare = _COMPARISONS.get(name)
    if compare is None:
        raise BadXml(f"where: {name} is not known")
    key = _property(element)
    literal = _literal(key, element.findtext(dav("literal")) or "", name)
    value = _PROPERTIES[key]
    return lambda entry: compare(value(entry), literal)


def _property(element: Element) -> str:
    properties = wanted_properties(element)
    if not properties or len(properties) != 1 or properties[0] not in _PROPERTIES:
        raise BadXml(f"{prefixed(element.tag)}: one property that can be searched is needed")
    return properties[0]


def _literal(key: str, text: str, operator: str) -> _Value:
    if key in _TEXTS or operator == "d:like":
        return text
    text = text.strip()
    if key == "d:getlastmodified":
        return _moment(text)
    if not text[:1].isdigit():
        raise BadXml(f"{key}: a number is needed")
    return as_int(text)  # an id may be followed by the name of its server


def _moment(text: str) -> int:
    """Return Unix time in seconds of a number, an ISO 8601 or an RFC 9110 date."""
    if text.isascii() and text.isdigit():
        return as_int(text)
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            return int(read(text).timestamp())
        except (ValueError, OverflowError, TypeError):
            continue
    raise BadXml("d:getlastmodified: a date is needed")


def _order(element: Element) -> tuple[_Property, bool]:
    return _PROPERTIES[_property(element)], element.find(dav("descending")) is not None
