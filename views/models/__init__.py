"""Phone models: which are installed and which one wins where, and changing them (spec 4)."""

from views.models import editing, listing, showing
from views.models.blueprint import bp

__all__ = ["bp", "editing", "listing", "showing"]
