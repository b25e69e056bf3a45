"""WebDAV's 207 answer (RFC 4918), in the form that Nextcloud's clients read (docs/wire.md, Files)."""

from collections.abc import Iterable, Sequence
from email.utils import format_datetime
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

from callrec.conversation.files import Entry
from callrec.conversation.files_xml import DAV, NEXTCLOUD, OWNCLOUD, XML
from callrec.conversation.ocs.xml import xml_text

MEDIA_TYPE = "application/xml; charset=utf-8"
_HEAD = f'<?xml version="1.0"?>\n<d:multistatus xmlns:d="{DAV}" xmlns:oc="{OWNCLOUD}" xmlns:nc="{NEXTCLOUD}">'
_FOLDER = "GDNVCK"
_FILE = "RGDNVW"
_SHARED_FILE = "SG"


def multistatus(
    home: str, user_id: str, entries: Iterable[Entry], wanted: Sequence[str] | None = None
) -> str:
    """Return the body of a 207 answer for *entries*, with the *wanted* properties (None: all there are).

    *home* is the address of the user's home: an absolute path from the host's root, with a slash at its end.
    """
    return (
        _HEAD + "".join(_response(home, user_id, entry, wanted) for entry in entries) + "</d:multistatus>\n"
    )


def file_headers(entry_id: int, etag: str) -> dict[str, str]:
    """Return the headers by which clients learn what a file is called and which version they have."""
    return {"OC-FileId": f"{entry_id:08d}", "OC-ETag": f'"{etag}"', "ETag": f'"{etag}"'}


def error_body(text: str) -> str:
    """Return the body of a refusal, in the form that clients show to people."""
    return (
        f'<?xml version="1.0"?>\n<d:error xmlns:d="{DAV}" xmlns:s="http://sabredav.org/ns">'
        f"<s:exception>Refused</s:exception><s:message>{xml_text(text)}</s:message></d:error>\n"
    )


def _response(home: str, user_id: str, entry: Entry, wanted: Sequence[str] | None) -> str:
    address = home + quote(entry.path)
    if entry.is_folder:
        address = address.rstrip("/") + "/"
    known = _properties(entry, user_id)
    names = list(known) if wanted is None else wanted
    found = "".join(known[name] for name in names if name in known)
    stats = _propstat(found, "200 OK") if found or not names else ""
    missing = "".join(_empty(name) for name in names if name not in known)
    if missing:
        stats += _propstat(missing, "404 Not Found")
    return f"<d:response><d:href>{xml_text(address)}</d:href>{stats}</d:response>"


def _propstat(properties: str, status: str) -> str:
    return f"<d:propstat><d:prop>{properties}</d:prop><d:status>HTTP/1.1 {status}</d:status></d:propstat>"


def _empty(name: str) -> str:
    """Return an element without content; foreign names bring their namespace along."""
    if not name.startswith("{"):
        return f"<{name}/>" if ":" in name else f"<{name} xmlns=''/>"
    namespace, _, local = name[1:].rpartition("}")
    if namespace == XML:
        return f"<xml:{local}/>"  # it may have no other prefix
    return f"<x:{local} xmlns:x={quoteattr(namespace)}/>"


def _properties(entry: Entry, user_id: str) -> dict[str, str]:
    node = entry.node
    texts = {
        "d:displayname": entry.name or user_id,
        "d:getetag": f'"{node.etag}"',
        "d:getlastmodified": format_datetime(node.modified_at, usegmt=True),
        "oc:id": f"{node.id:08d}",
        "oc:fileid": str(node.id),
        "oc:size": str(entry.size_bytes),
        "oc:permissions": _SHARED_FILE if entry.shared else _FOLDER if entry.is_folder else _FILE,
        "oc:owner-id": node.owner_id,
        "oc:favorite": "0",
    }
    if not entry.is_folder:
        texts["d:getcontentlength"] = str(node.size_bytes)
        texts["d:getcontenttype"] = node.media_type
    kind = "<d:resourcetype><d:collection/></d:resourcetype>" if entry.is_folder else "<d:resourcetype/>"
    return {
        "d:resourcetype": kind,
        **{name: f"<{name}>{xml_text(value)}</{name}>" for name, value in texts.items()},
    }
