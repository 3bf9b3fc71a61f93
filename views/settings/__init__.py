"""Provisioning Settings, one module per concern, on one blueprint."""

from views.settings import drafting, editing, effects, listeners, previous, transport
from views.settings.blueprint import bp

__all__ = ["bp", "drafting", "editing", "effects", "listeners", "previous", "transport"]
