"""Run by alembic: takes the connection, and with it the open transaction, from whoever asked for the migration."""

from alembic import context

from registry.metadata.models import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transaction_per_migration=False,
)
context.run_migrations()
