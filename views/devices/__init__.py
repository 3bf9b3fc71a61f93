"""The pages about devices, one module per concern, on one blueprint."""

from views.devices import actions, editing, listing, preview, restoring, simulating, tables, tabs, uploads, variables
from views.devices.blueprint import bp
from views.devices.variables import variables_bp

__all__ = [
    "actions",
    "bp",
    "editing",
    "listing",
    "preview",
    "restoring",
    "simulating",
    "tables",
    "tabs",
    "uploads",
    "variables",
    "variables_bp",
]
