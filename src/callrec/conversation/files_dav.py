"""WebDAV's answer to PROPFIND (RFC 4918), in the form that Nextcloud's clients read (docs/wire.md, Files)."""

from collections.abc import Iterable
from email.utils import format_datetime
from urllib.parse import quote
from xml.sax.saxutils import escape

from callrec.conversation.files import Entry

_HEAD = (
    '<?xml version="1.0"?>\n'
    '<d:multistatus xmlns:d="DAV:" xmlns:oc="http://owncloud.org/ns" xmlns:nc="http://nextcloud.org/ns">'
)


def multistatus(base_path: str, user_id: str, entries: Iterable[Entry]) -> str:
    """Return the body of a 207 answer for *entries*.

    Clients compare names with their prefixes, so ``d:`` and ``oc:`` are literal. *base_path* is the path of
    the public URL (``""`` without one): addresses are absolute paths from the host's root.
    """
    home = f"{base_path}/remote.php/dav/files/{quote(user_id, safe='')}/"
    return _HEAD + "".join(_response(home, user_id, entry) for entry in entries) + "</d:multistatus>\n"


def _response(home: str, user_id: str, entry: Entry) -> str:
    node = entry.node
    address = home + quote(entry.path)
    properties = {
        "d:displayname": entry.path.rpartition("/")[2] or user_id,
        "d:getetag": f'"{node.etag}"',
        "d:getlastmodified": format_datetime(node.modified_at, usegmt=True),
        "oc:id": f"{node.id:08d}",
        "oc:fileid": str(node.id),
        "oc:size": str(node.size_bytes),
        "oc:permissions": "SG" if entry.shared else "G",
        "oc:owner-id": node.owner_id,
    }
    if entry.is_folder:
        address = address.rstrip("/") + "/"
        kind = "<d:resourcetype><d:collection/></d:resourcetype>"
    else:
        properties["d:getcontentlength"] = str(node.size_bytes)
        properties["d:getcontenttype"] = node.media_type
        kind = "<d:resourcetype/>"
    texts = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in properties.items())
    return (
        f"<d:response><d:href>{escape(address)}</d:href><d:propstat><d:prop>{kind}{texts}</d:prop>"
        "<d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response>"
    )
