"""What an answer of a conversation server says by itself (docs/wire.md, OCS envelope). Pure.

A proxy, a page of maintenance, or a server whose Talk is being updated may answer in its place, with any
status. Only what stands in an envelope is its own word.
"""

from typing import Any


def statuscode(body: Any) -> int | None:
    """Return ``ocs.meta.statuscode`` of the decoded JSON *body*; None: there is no envelope."""
    ocs = body.get("ocs") if isinstance(body, dict) else None
    meta = ocs.get("meta") if isinstance(ocs, dict) else None
    code = meta.get("statuscode") if isinstance(meta, dict) else None
    return code if type(code) is int else None


def is_gone(status: int, code: int | None) -> bool:
    """Tell whether there is no such room. 404 with 998 is no such path: Talk is switched off, or updated."""
    return status == 404 and code == 404


def refuses(status: int, code: int | None) -> bool:
    """Tell whether the server understood and said no; else it is one to ask again later."""
    if code is None or not 400 <= status < 500 or status in (408, 423, 425, 429):
        return False
    return status != 404 or is_gone(status, code)
