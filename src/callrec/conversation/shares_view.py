"""A room share as the sharing API shows it (docs/wire.md, Shares)."""

from typing import Any

from callrec.conversation.files import Entry
from callrec.conversation.files_paths import joined
from callrec.conversation.shares import Shared

ROOM = 10
"""The type of a share with a room."""
READ = 1
_OWN = 27
"""What the owner may do with a file: read, update, delete, share."""


def share_view(
    shared: Shared, entry: Entry, *, viewer: str, folder: str, room_name: str, public_url: str
) -> dict[str, Any]:
    """Return *shared* for *viewer*, who sees the file as *entry* and keeps shared files in *folder*."""
    row, room, node = shared.row, shared.room, shared.node
    mine = node.owner_id == viewer
    return {
        "id": str(row.id),
        "share_type": ROOM,
        "uid_owner": node.owner_id,
        "displayname_owner": shared.owner_name,
        "permissions": READ,
        "can_edit": False,
        "can_delete": mine,
        "stime": int(row.created_at.timestamp()),
        "parent": None,
        "expiration": None,
        "token": None,
        "uid_file_owner": node.owner_id,
        "note": "",
        "label": "",
        "displayname_file_owner": shared.owner_name,
        "path": f"/{entry.path}",
        "item_type": "file",
        "item_permissions": _OWN if mine else READ,
        "mimetype": node.media_type,
        "has_preview": False,
        "item_source": node.id,
        "file_source": node.id,
        "file_target": f"/{joined(folder, node.name)}",
        "item_size": node.size_bytes,
        "item_mtime": int(node.modified_at.timestamp()),
        "share_with": room.token,
        "share_with_displayname": room_name,
        "share_with_link": f"{public_url}/index.php/call/{room.token}",
        "mail_send": 0,
        "hide_download": 0,
        "attributes": None,
    }
