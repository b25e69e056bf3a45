"""Where the database is."""

from pathlib import Path

from sqlalchemy import URL, make_url

from callrec.conversation.db.sqlite import sqlite_url
from callrec.settings import ConversationSettings

FILE_NAME = "conversation.db"


def database_url(data: Path, settings: ConversationSettings) -> URL:
    """Return the address in the settings, or that of the file in the data directory."""
    if settings.database_url is None:
        return sqlite_url(data / FILE_NAME)
    return make_url(settings.database_url.get_secret_value())
