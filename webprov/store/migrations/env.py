"""Runs the migrations on the connection that `webprov.store.migrating.migrate` hands over."""

from alembic import context

from webprov.store.fetchrecords import UnknownPhone
from webprov.store.jobrecords import JobRecord
from webprov.store.uploadrecords import UploadRecord

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=[JobRecord.metadata, UnknownPhone.metadata, UploadRecord.metadata],  # one and the same: all tables
    render_as_batch=True,
    compare_type=True,
)
context.run_migrations()
