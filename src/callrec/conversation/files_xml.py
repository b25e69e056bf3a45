"""XML of WebDAV requests (RFC 4918, RFC 5323), read without trusting its sender."""

from xml.etree import ElementTree

DAV = "DAV:"
OWNCLOUD = "http://owncloud.org/ns"
NEXTCLOUD = "http://nextcloud.org/ns"
XML = "http://www.w3.org/XML/1998/namespace"
PREFIXES = {DAV: "d", OWNCLOUD: "oc", NEXTCLOUD: "nc"}
"""Clients compare names with these prefixes, so they are literal."""

MAX_XML_BYTES = 64 * 1024


class BadXml(Exception):
    """The body is not the XML that the method needs; the text says why."""


def parse(body: bytes) -> ElementTree.Element:
    """Return the root element of *body*.

    Raises:
        BadXml: not UTF-8, not well-formed, or with a document type (nobody needs entities here).
    """
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise BadXml("the body is not UTF-8") from error
    if "<!DOCTYPE" in text:
        raise BadXml("a document type is not allowed")
    try:
        return ElementTree.fromstring(text)  # noqa: S314 - without a document type there are no entities
    except ElementTree.ParseError as error:
        raise BadXml(f"the body is not XML: {error}") from error


def dav(name: str) -> str:
    """Return *name* in the namespace of WebDAV, as ElementTree spells it."""
    return f"{{{DAV}}}{name}"


def prefixed(tag: str) -> str:
    """Return the name of an element as ``d:name``; one of a foreign namespace stays as it is."""
    namespace, _, name = tag.removeprefix("{").rpartition("}")
    prefix = PREFIXES.get(namespace)
    return f"{prefix}:{name}" if prefix else tag


def wanted_properties(root: ElementTree.Element) -> list[str] | None:
    """Return the properties below ``d:prop`` of *root*, prefixed; None when all are wanted."""
    properties = root.find(dav("prop"))
    return None if properties is None else list(dict.fromkeys(prefixed(child.tag) for child in properties))
