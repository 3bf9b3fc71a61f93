"""Runs the migrations on the connection that `webprov.store.migrating.migrate` hands over."""

from alembic import context

from webprov.store.fetchrecords import UnknownPhone
from webprov.store.jobrecords import JobRecord

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=[JobRecord.metadata, UnknownPhone.metadata],  # the same one: importing them names all tables
    render_as_batch=True,
    compare_type=True,
)
context.run_migrations()
