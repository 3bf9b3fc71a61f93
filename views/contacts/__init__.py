"""The pages about contacts, one module per concern, on one blueprint."""

from views.contacts import directory, editing, listing, tables
from views.contacts.blueprint import bp

__all__ = ["bp", "directory", "editing", "listing", "tables"]
