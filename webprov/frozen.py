"""Imported last in the process that others are forked from, so that its memory stays as it is, and shared (P10)."""

import gc

from sqlalchemy.orm import configure_mappers

configure_mappers()
gc.collect()
gc.freeze()
