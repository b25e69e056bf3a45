"""Tickets of the signaling hello 1.0: ``mark:unixtime:userid:hmac`` (docs/wire.md, Tickets)."""

import hmac
import secrets

from callrec.clock import wall_s

MAX_AGE_S = 24 * 3600
"""Pages fetch new settings before every hello; a stolen ticket must not live for ever."""


class Tickets:
    """Issues and checks tickets under one secret.

    Session ids are no secret: all in a room see them. So a guest's ticket is bound to his cookie by a *mark*,
    an HMAC of the cookie's hash, and he joins only sessions that were made with that cookie.
    """

    def __init__(self) -> None:
        self._secret = secrets.token_hex(32)

    def use_secret(self, secret: str) -> None:
        """Take the *secret* that outlives a restart, so that earlier tickets stay good."""
        self._secret = secret

    def issue(self, user_id: str | None, cookie_hash: str | None = None) -> str:
        """Return a ticket for a user, or for the guest with this cookie.

        A guest without cookie gets a ticket that joins no room.
        """
        mark = secrets.token_hex(8) if user_id or cookie_hash is None else self.guest_mark(cookie_hash)
        content = f"{mark}:{int(wall_s())}:{user_id or ''}"
        return f"{content}:{self._sign(content)}"

    def check(self, user_id: str | None, ticket: str) -> bool:
        """Tell whether *ticket* was issued for this user (or a guest) within the last day."""
        content, _, signature = ticket.rpartition(":")
        if not hmac.compare_digest(self._sign(content).encode(), signature.encode("utf-8", "replace")):
            return False
        _, issued, owner = content.split(":", 2)
        return owner == (user_id or "") and abs(wall_s() - int(issued)) <= MAX_AGE_S

    def guest_mark(self, cookie_hash: str) -> str:
        """Return the mark of the guest with this cookie; it shows nothing of the cookie."""
        # The content of a ticket has two colons: no mark is the signature of one.
        return self._sign(f"guest:{cookie_hash}")

    def _sign(self, content: str) -> str:
        message = content.encode("utf-8", "replace")
        return hmac.new(self._secret.encode(), message, "sha256").hexdigest()
