"""What the signaling server asks of the conversation server (docs/wire.md, Signaling callbacks)."""

import hmac
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from callrec.conversation.core import Core
from callrec.conversation.db.base import utc_now
from callrec.conversation.db.tables_rooms import Attendee, Room, Session
from callrec.conversation.db.tables_users import User, WebSession
from callrec.conversation.participants import USERS, Participant
from callrec.conversation.permissions import server_default, signaling_words
from callrec.conversation.sessions import leave_room, ping
from callrec.conversation.signaling_push import room_properties
from callrec.conversation.tickets import Tickets
from callrec.wire.signaling import RoomAdmission, SignalingRefusal, SignalingUser


class ConversationBackend:
    """The ``SignalingBackend`` of a conversation server."""

    def __init__(self, core: Core, tickets: Tickets) -> None:
        self._core = core
        self._tickets = tickets

    async def authenticate(self, params: Mapping[str, Any]) -> SignalingUser:
        """Check a ticket.

        Raises:
            SignalingRefusal: ``invalid_ticket`` or ``no_such_user``.
        """
        user_id, ticket = params.get("userid") or "", params.get("ticket")
        if not isinstance(user_id, str) or not isinstance(ticket, str):
            raise SignalingRefusal("invalid_ticket", "userid and ticket must be text")
        if not self._tickets.check(user_id, ticket):
            raise SignalingRefusal("invalid_ticket", "the ticket is not valid for this user")
        return await self._user(user_id, ticket.partition(":")[0])

    async def authenticate_token(self, token: str) -> SignalingUser:
        """Check a token.

        Raises:
            SignalingRefusal: ``invalid_token``, ``token_not_valid_yet``, ``token_expired``,
                ``no_such_user``.
        """
        return await self._user(*self._core.hello_tokens.check(token))

    async def _user(self, user_id: str, guest_mark: str) -> SignalingUser:
        if not user_id:
            return SignalingUser("", guest=guest_mark)
        async with self._core.db.read() as session:
            user = await session.get(User, user_id)
        if user is None:
            raise SignalingRefusal("no_such_user", "the user does not exist")
        return SignalingUser(user.id, user.display_name)

    async def join_room(self, token: str, user: SignalingUser, session_id: str) -> RoomAdmission:
        """Admit a conversation session; when it is in the call already, ``incall`` is pushed again.

        Raises:
            SignalingRefusal: ``no_such_room``.
        """
        async with self._core.db.write() as tx:
            found = await self._find(tx, token, user, session_id)
            if found is None:
                raise SignalingRefusal("no_such_room", "no such room, or the session is not in it")
            found.present.last_ping = utc_now()
            if found.present.in_call:
                await tx.flush()
                # Not waited for: the signaling server knows the session only after our answer.
                await self._core.signals.in_call_changed(
                    tx, found.room, [(found.attendee, found.present)], wait=False
                )
            properties = {
                **room_properties(found.room),
                "name": found.room.name,
                "description": found.room.description,
            }
            return RoomAdmission(properties, signaling_words(found.role, found.permissions))

    async def leave_room(self, token: str, user: SignalingUser, session_id: str) -> None:
        """End a conversation session whose socket is gone; one that ended already is no error."""
        async with self._core.db.write() as tx:
            found = await self._find(tx, token, user, session_id)
            if found is not None:
                await leave_room(self._core, tx, found)

    async def ping(self, token: str, session_ids: Sequence[str]) -> None:
        """Note that these sessions are alive."""
        await ping(self._core, token, session_ids)

    async def _find(
        self, session: AsyncSession, token: str, user: SignalingUser, session_id: str
    ) -> Participant | None:
        query = (
            select(Room, Attendee, Session, WebSession.token_hash)
            .join(Attendee, Attendee.id == Session.attendee_id)
            .join(Room, Room.id == Session.room_id)
            .outerjoin(WebSession, WebSession.id == Session.web_session_id)
            .where(Session.session_id == session_id, Room.token == token)
        )
        row = (await session.execute(query)).one_or_none()
        if row is None or not self._is_of(user, row[1], row[3]):
            return None
        return Participant(row[0], row[1], row[2], await server_default(session))

    def _is_of(self, user: SignalingUser, attendee: Attendee, cookie_hash: str | None) -> bool:
        """Tell whether a session of *attendee* that was made with this cookie belongs to *user*."""
        if attendee.actor_type == USERS:
            return attendee.actor_id == user.user_id
        if user.user_id:
            return False
        if user.guest is None:
            return True
        if cookie_hash is None:
            return False
        return hmac.compare_digest(self._tickets.guest_mark(cookie_hash), user.guest)
