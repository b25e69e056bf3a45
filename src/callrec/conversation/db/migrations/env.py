"""Alembic's entry: runs the revisions on the connection that ``db.migrate`` hands over."""

from alembic import context

from callrec.conversation.db.metadata import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite alters tables by copying them
)
with context.begin_transaction():
    context.run_migrations()
