"""Who is in a room and in its call, as the conversation server says it. Pure.

Entries are kept by *conversation session*, the id the conversation server knows; clients get *signaling
session* ids. So it does not matter whether a push comes before or after the socket has joined the room.
"""

from collections.abc import Iterable, Mapping
from typing import Any

Entry = dict[str, Any]

NO_SESSION = "0"
"""``sessionId`` of a participant who is not there."""


class ParticipantList:
    """The merged list of one room."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}

    def merge(
        self, changed: Iterable[Mapping[str, Any]], users: Iterable[Mapping[str, Any]], present: Iterable[str]
    ) -> None:
        """Take a push of either kind: ``participants`` lists all in the room, ``incall`` all in the call.

        So whoever is neither in *users* nor in *changed* is not in the call. *present* are the conversation
        sessions with a socket in the room: others are kept only while they are in the call.
        """
        named = self._take(users) | self._take(changed)
        for session in self._entries.keys() - named:
            self._entries[session]["inCall"] = 0
        kept = set(present)
        self._entries = {s: e for s, e in self._entries.items() if s in kept or _flags(e)}

    def set_all(self, in_call: int) -> None:
        """Give everybody the same in-call flags."""
        for entry in self._entries.values():
            entry["inCall"] = in_call

    def forget(self, session: str) -> None:
        """Remove a conversation session that is gone."""
        self._entries.pop(session, None)

    def in_call(self, session: str) -> int:
        """Return the in-call flags of a conversation session."""
        return _flags(self._entries.get(session, {}))

    def translated(self, ids: Mapping[str, str]) -> list[Entry]:
        """Return the entries as clients see them: signaling ids, no permissions, unknown sessions left out.

        *ids*: conversation session → signaling session.
        """
        seen = []
        for session, entry in self._entries.items():
            if session in ids:
                public = {key: value for key, value in entry.items() if key != "permissions"}
                seen.append({**public, "sessionId": ids[session], "nextcloudSessionId": session})
        return seen

    def _take(self, entries: Iterable[Mapping[str, Any]]) -> set[str]:
        named = set()
        for entry in entries:
            session = entry["sessionId"]
            if session != NO_SESSION:
                self._entries[session] = {**self._entries.get(session, {}), **entry}
                named.add(session)
        return named


def _flags(entry: Mapping[str, Any]) -> int:
    flags = entry.get("inCall", 0)
    return flags if isinstance(flags, int) else 0
