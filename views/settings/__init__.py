"""Provisioning Settings, one module per concern, on one blueprint."""

from views.settings import drafting, editing, transport
from views.settings.blueprint import bp

__all__ = ["bp", "drafting", "editing", "transport"]
