"""Bringing the database to the newest schema, at every start."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import URL, Connection, create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from callrec.errors import SettingsError

MIGRATIONS = Path(__file__).parent / "migrations"
_DRIVERS = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg"}


def migrate(url: URL) -> None:
    """Create the database at *url*, or bring it up to date. Blocks. Other processes wait for the first.

    Raises:
        SettingsError: the database cannot be reached, or is newer than this program.
    """
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    engine = create_engine(url.set(drivername=_DRIVERS[url.get_backend_name()]), poolclass=NullPool)
    try:
        with engine.connect() as connection, _alone(connection):
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()
    except OperationalError as error:
        raise SettingsError(f"database {url!r}: {str(error.orig).strip()}") from error
    except CommandError as error:
        raise SettingsError(f"database {url!r} was made by a newer callrec: {error}") from error
    finally:
        engine.dispose()


@contextmanager
def _alone(connection: Connection) -> Iterator[None]:
    """Hold the lock of migrations where several processes may start at once; its session ends it."""
    if connection.dialect.name == "postgresql":
        from callrec.conversation.db.postgresql import MIGRATION_LOCK

        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": MIGRATION_LOCK})
        connection.commit()
    yield
