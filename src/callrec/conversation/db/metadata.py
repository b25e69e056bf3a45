"""All tables of the conversation server in one metadata: what migrations are compared with."""

from callrec.conversation.db import (
    tables_chat,
    tables_config,
    tables_recordings,
    tables_rooms,
    tables_users,
)
from callrec.conversation.db.base import Base

TABLE_MODULES = (tables_chat, tables_config, tables_recordings, tables_rooms, tables_users)

metadata = Base.metadata
