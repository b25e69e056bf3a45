"""People and how they prove who they are."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from callrec.conversation.db.base import Base, utc_now


class User(Base):
    """A registered person. ``id`` is the login name."""

    __tablename__ = "users"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    display_name: Mapped[str] = mapped_column(String(255))
    email: Mapped[str | None] = mapped_column(String(255))
    password_hash: Mapped[str] = mapped_column(String(255))
    is_admin: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class UserPreference(Base):
    """What a user has chosen, such as ``recording_folder``."""

    __tablename__ = "user_preferences"

    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[str] = mapped_column(String(4000))


class Group(Base):
    """A named set of users, to be invited at once."""

    __tablename__ = "user_groups"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)


class GroupMember(Base):
    """A user's membership in a group."""

    __tablename__ = "user_group_members"

    group_id: Mapped[str] = mapped_column(ForeignKey("user_groups.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[str] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, index=True
    )


class AppToken(Base):
    """An app password: stands for the password of one client. Only its SHA-256 is kept."""

    __tablename__ = "app_tokens"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class WebSession(Base):
    """A client with a session cookie: a browser of a user who signed in, or of a guest (no ``user_id``).

    Only the SHA-256 of the cookie is kept.
    """

    __tablename__ = "web_sessions"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[str | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    last_used_at: Mapped[datetime] = mapped_column(default=utc_now)


class FailedAttempt(Base):
    """One bad password, checksum or token, or one new guest: ``subnet`` is an IPv4 address or an IPv6 /64."""

    __tablename__ = "failed_attempts"
    __table_args__ = (Index(None, "action", "subnet", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    action: Mapped[str] = mapped_column(String(64))
    subnet: Mapped[str] = mapped_column(String(64))
    about: Mapped[str] = mapped_column(String(64), default="")
    """What it was about, such as a room token: a success with it forgives the failures."""
    at: Mapped[datetime] = mapped_column(default=utc_now)
