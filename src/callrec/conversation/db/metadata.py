"""All tables of the conversation server in one metadata, with which the migrations are compared."""

from callrec.conversation.db import (
    tables_chat,
    tables_config,
    tables_logins,
    tables_outbox,
    tables_recordings,
    tables_rooms,
    tables_transcripts,
    tables_uploads,
    tables_users,
)
from callrec.conversation.db.base import Base

TABLE_MODULES = (
    tables_chat,
    tables_config,
    tables_logins,
    tables_outbox,
    tables_recordings,
    tables_rooms,
    tables_transcripts,
    tables_uploads,
    tables_users,
)

metadata = Base.metadata
