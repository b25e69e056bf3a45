"""Wider rooms"""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

from callrec.conversation.db.base import UtcDateTime, Whole

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema here."""
    _add_room_settings()
    _add_consents()
    _add_preferences_and_groups()
    _add_outbox()
    _add_login_flows()
    _add_uploads()
    _add_transcript_jobs()


def downgrade() -> None:
    """Go back to the schema before."""
    op.drop_table("transcript_jobs")
    for table in ("upload_chunks", "chunked_uploads", "arrived_files", "upload_links"):
        op.drop_table(table)
    _drop_login_flows()
    _drop_outbox()
    for table in ("user_group_members", "user_groups", "user_preferences", "recording_consents"):
        op.drop_table(table)
    op.drop_index(op.f("ix_chat_messages_expires_at"), "chat_messages")
    op.drop_index(op.f("ix_rooms_pair"), "rooms")
    for table, columns in _new_columns().items():
        for column in columns:
            op.drop_column(table, column.name)


def _number(name: str, default: int = 0) -> sa.Column[int]:
    return sa.Column(name, Whole(), nullable=False, server_default=str(default))


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false())


def _text(name: str, length: int) -> sa.Column[str]:
    return sa.Column(name, sa.String(length=length), nullable=False, server_default="")


def _new_columns() -> dict[str, list[sa.Column[Any]]]:
    return {
        "rooms": [
            _text("description", 2000),
            sa.Column("password_hash", sa.String(length=255), nullable=True),
            _number("read_only"),
            _number("listable"),
            _number("lobby_state"),
            sa.Column("lobby_timer", UtcDateTime(), nullable=True),
            _number("recording_consent"),
            _number("default_permissions"),
            _number("mention_permissions"),
            _number("message_expiration_s"),
            _text("object_type", 64),
            _text("object_id", 64),
            sa.Column("pair", sa.String(length=129), nullable=True),
        ],
        "attendees": [
            _number("permissions"),
            _flag("is_favorite"),
            _flag("is_archived"),
            _flag("is_important"),
            _flag("is_sensitive"),
            _number("notification_level"),
            _number("notification_calls", 1),
        ],
        "sessions": [_number("state", 1)],
        "chat_messages": [
            sa.Column("expires_at", UtcDateTime(), nullable=True),
            sa.Column("parent_id", Whole(), nullable=True),
            sa.Column("thread_id", Whole(), nullable=True),
        ],
        "recording_starts": [
            sa.Column("stop_asked_at", UtcDateTime(), nullable=True),
            sa.Column("stop_due_at", UtcDateTime(), nullable=True),
        ],
    }


def _add_room_settings() -> None:
    for table, columns in _new_columns().items():
        for column in columns:
            op.add_column(table, column)
    op.create_index(op.f("ix_rooms_pair"), "rooms", ["pair"], unique=True)
    op.create_index(op.f("ix_chat_messages_expires_at"), "chat_messages", ["expires_at"])


def _add_consents() -> None:
    op.create_table(
        "recording_consents",
        sa.Column("id", Whole(), nullable=False),
        sa.Column("room_id", Whole(), nullable=False),
        sa.Column("actor_type", sa.String(length=32), nullable=False),
        sa.Column("actor_id", sa.String(length=255), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["room_id"], ["rooms.id"], name=op.f("fk_recording_consents_room_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recording_consents")),
    )
    op.create_index(op.f("ix_recording_consents_room_id"), "recording_consents", ["room_id"])
    op.create_index(
        op.f("ix_recording_consents_actor_type_actor_id"), "recording_consents", ["actor_type", "actor_id"]
    )


def _add_preferences_and_groups() -> None:
    op.create_table(
        "user_preferences",
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("value", sa.String(length=4000), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_user_preferences_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", "key", name=op.f("pk_user_preferences")),
    )
    op.create_table(
        "user_groups",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_groups")),
    )
    op.create_table(
        "user_group_members",
        sa.Column("group_id", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["group_id"],
            ["user_groups.id"],
            name=op.f("fk_user_group_members_group_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_user_group_members_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("group_id", "user_id", name=op.f("pk_user_group_members")),
    )
    op.create_index(op.f("ix_user_group_members_user_id"), "user_group_members", ["user_id"])


def _add_outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", Whole(), nullable=False),
        sa.Column("token", sa.String(length=30), nullable=False),
        sa.Column("target", sa.String(length=512), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("queued_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_outbox_token_target_id"), "outbox", ["token", "target", "id"])
    op.create_table(
        "outbox_lanes",
        sa.Column("token", sa.String(length=30), nullable=False),
        sa.Column("target", sa.String(length=512), nullable=False),
        sa.Column("holder", sa.String(length=64), nullable=False),
        sa.Column("leased_until", UtcDateTime(), nullable=False),
        sa.Column("stale", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("token", "target", name=op.f("pk_outbox_lanes")),
    )
    op.create_index(op.f("ix_outbox_lanes_holder"), "outbox_lanes", ["holder"])
    op.create_index(op.f("ix_outbox_lanes_leased_until"), "outbox_lanes", ["leased_until"])
    stops = sa.table(
        "recorder_stops",
        *map(sa.column, ("token", "actor_type", "actor_id")),
        sa.column("queued_at", UtcDateTime()),
    )
    entries = sa.table(
        "outbox", *map(sa.column, ("token", "target", "body")), sa.column("queued_at", UtcDateTime())
    )
    lanes = sa.table(
        "outbox_lanes",
        *map(sa.column, ("token", "target", "holder")),
        sa.column("leased_until", UtcDateTime()),
        sa.column("stale", sa.Boolean()),
    )
    for row in op.get_bind().execute(sa.select(stops)).all():
        actor = {"actor": {"type": row.actor_type, "id": row.actor_id}} if row.actor_type else []
        body = json.dumps({"type": "stop", "stop": actor}, separators=(",", ":")).replace("/", "\\/")
        entry = {"token": row.token, "target": "recorder"}
        op.execute(entries.insert().values(**entry, body=body, queued_at=row.queued_at))
        op.execute(lanes.insert().values(**entry, holder="", leased_until=row.queued_at, stale=False))
    op.drop_table("recorder_stops")


def _drop_outbox() -> None:
    op.create_table(
        "recorder_stops",
        sa.Column("id", Whole(), nullable=False),
        sa.Column("token", sa.String(length=30), nullable=False),
        sa.Column("actor_type", sa.String(length=32), nullable=True),
        sa.Column("actor_id", sa.String(length=255), nullable=True),
        sa.Column("queued_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recorder_stops")),
        sa.UniqueConstraint("token", name=op.f("uq_recorder_stops_token")),
        sqlite_autoincrement=True,
    )
    entries = sa.table(
        "outbox", *map(sa.column, ("token", "target", "body")), sa.column("queued_at", UtcDateTime())
    )
    stops = sa.table(
        "recorder_stops",
        *map(sa.column, ("token", "actor_type", "actor_id")),
        sa.column("queued_at", UtcDateTime()),
    )
    for row in op.get_bind().execute(sa.select(entries).where(entries.c.target == "recorder")).all():
        actor = (json.loads(row.body)["stop"] or {}).get("actor", {})
        values = {"actor_type": actor.get("type"), "actor_id": actor.get("id")}
        op.execute(stops.insert().values(token=row.token, queued_at=row.queued_at, **values))
    op.drop_table("outbox_lanes")
    op.drop_table("outbox")


def _add_login_flows() -> None:
    op.create_table(
        "login_flows",
        sa.Column("id", Whole(), nullable=False),
        sa.Column("poll_hash", sa.String(length=64), nullable=False),
        sa.Column("flow_hash", sa.String(length=64), nullable=False),
        sa.Column("client_name", sa.String(length=255), nullable=False),
        sa.Column("user_id", sa.String(length=64), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_login_flows_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_login_flows")),
        sa.UniqueConstraint("poll_hash", name=op.f("uq_login_flows_poll_hash")),
        sa.UniqueConstraint("flow_hash", name=op.f("uq_login_flows_flow_hash")),
    )
    op.create_index(op.f("ix_login_flows_user_id"), "login_flows", ["user_id"])
    op.create_index(op.f("ix_login_flows_created_at"), "login_flows", ["created_at"])
    op.add_column("failed_attempts", _text("about", 64))


def _drop_login_flows() -> None:
    op.drop_column("failed_attempts", "about")
    op.drop_table("login_flows")


def _add_uploads() -> None:
    op.create_table(
        "upload_links",
        _whole("id"),
        _filled("token", 32),
        _filled("password_hash", 64),
        _whole("room_id"),
        _filled("owner_id", 64),
        _filled("name", 255),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        _goes_with("upload_links", "room_id", "rooms.id"),
        _goes_with("upload_links", "owner_id", "users.id"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_upload_links")),
        sa.UniqueConstraint("token", name=op.f("uq_upload_links_token")),
    )
    op.create_table(
        "arrived_files",
        _whole("id"),
        _whole("link_id"),
        _filled("name", 255),
        _filled("blob_id", 32),
        _whole("size_bytes"),
        _filled("sha256", 64),
        _goes_with("arrived_files", "link_id", "upload_links.id"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_arrived_files")),
        sa.UniqueConstraint("link_id", "name", name=op.f("uq_arrived_files_link_id_name")),
        sa.UniqueConstraint("blob_id", name=op.f("uq_arrived_files_blob_id")),
    )
    op.create_table(
        "chunked_uploads",
        _whole("id"),
        _filled("owner_id", 64),
        sa.Column("link_id", Whole(), nullable=True),
        _filled("name", 255),
        sa.Column("touched_at", UtcDateTime(), nullable=False),
        _goes_with("chunked_uploads", "owner_id", "users.id"),
        _goes_with("chunked_uploads", "link_id", "upload_links.id"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chunked_uploads")),
    )
    op.create_table(
        "upload_chunks",
        _whole("upload_id"),
        _whole("number"),
        _filled("blob_id", 32),
        _whole("size_bytes"),
        _goes_with("upload_chunks", "upload_id", "chunked_uploads.id"),
        sa.PrimaryKeyConstraint("upload_id", "number", name=op.f("pk_upload_chunks")),
        sa.UniqueConstraint("blob_id", name=op.f("uq_upload_chunks_blob_id")),
    )
    for table, column in (
        ("upload_links", "room_id"),
        ("upload_links", "owner_id"),
        ("upload_links", "expires_at"),
        ("chunked_uploads", "owner_id"),
        ("chunked_uploads", "link_id"),
        ("chunked_uploads", "touched_at"),
    ):
        op.create_index(op.f(f"ix_{table}_{column}"), table, [column])


def _add_transcript_jobs() -> None:
    op.create_table(
        "transcript_jobs",
        _whole("id"),
        _filled("kind", 16),
        _whole("room_id"),
        _filled("owner_id", 64),
        _whole("node_id"),
        sa.Column("text", sa.Text(), nullable=True),
        _whole("attempts"),
        sa.Column("due_at", UtcDateTime(), nullable=False),
        _filled("holder", 64),
        sa.Column("leased_until", UtcDateTime(), nullable=False),
        _goes_with("transcript_jobs", "room_id", "rooms.id"),
        _goes_with("transcript_jobs", "owner_id", "users.id"),
        _goes_with("transcript_jobs", "node_id", "nodes.id"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transcript_jobs")),
        sqlite_autoincrement=True,
    )
    for column in ("room_id", "owner_id", "node_id", "due_at", "holder"):
        op.create_index(op.f(f"ix_transcript_jobs_{column}"), "transcript_jobs", [column])


def _whole(name: str) -> sa.Column[int]:
    return sa.Column(name, Whole(), nullable=False)


def _filled(name: str, length: int) -> sa.Column[str]:
    return sa.Column(name, sa.String(length=length), nullable=False)


def _goes_with(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [target], name=op.f(f"fk_{table}_{column}"), ondelete="CASCADE")
