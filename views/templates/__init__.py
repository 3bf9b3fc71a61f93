"""Templates: which file wins where, and changing them with a live preview (spec 4)."""

from views.templates import editing, listing, showing
from views.templates.blueprint import bp

__all__ = ["bp", "editing", "listing", "showing"]
