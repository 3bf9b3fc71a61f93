"""Runs the migrations on the connection that `webprov.store.migrating.migrate` hands over."""

import pkgutil
from importlib import import_module

from alembic import context

import webprov.store
from webprov.store.models import Base

for module in pkgutil.iter_modules(webprov.store.__path__):
    if module.name.endswith("records"):  # each names its tables when it is imported
        import_module(f"webprov.store.{module.name}")

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
    compare_type=True,
)
context.run_migrations()
