"""The pages about devices, one module per concern, on one blueprint."""

from views.devices import actions, editing, listing, preview, tables, tabs
from views.devices.blueprint import bp

__all__ = ["actions", "bp", "editing", "listing", "preview", "tables", "tabs"]
