"""Bringing the database to the newest schema, at every start."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL, Connection, create_engine, inspect, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from callrec.errors import SettingsError

MIGRATIONS = Path(__file__).parent / "migrations"
_DRIVERS = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg"}


def newest() -> str:
    """Return the revision of this program's schema: revisions are numbered, files begin with the number."""
    return max(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))


def migrate(url: URL) -> None:
    """Create the database at *url*, or bring it up to date. Blocks. Other processes wait for the first.

    Raises:
        SettingsError: the database cannot be reached, or is newer than this program.
    """
    engine = create_engine(url.set(drivername=_DRIVERS[url.get_backend_name()]), poolclass=NullPool)
    try:
        with engine.connect() as connection, _alone(connection):
            if _revision(connection) != newest():
                _upgrade(connection)
            connection.commit()
    except OperationalError as error:
        raise SettingsError(f"database {url!r}: {str(error.orig).strip()}") from error
    finally:
        engine.dispose()


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return revision


def _upgrade(connection: Connection) -> None:
    # Imported here: it takes 10 MB, which only the start that changes the schema needs.
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    connection.rollback()  # what was read so far; the upgrade begins transactions of its own
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        url = connection.engine.url
        raise SettingsError(f"database {url!r} was made by a newer callrec: {error}") from error


@contextmanager
def _alone(connection: Connection) -> Iterator[None]:
    """Hold the lock of migrations where several processes may start at once; its session ends it."""
    if connection.dialect.name == "postgresql":
        from callrec.conversation.db.postgresql import MIGRATION_LOCK

        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": MIGRATION_LOCK})
        connection.commit()
    yield
